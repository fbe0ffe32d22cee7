with

usage as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

latest as (
    select * from usage
    where not is_trial
    qualify row_number() over (
        partition by subscription_id, metric_key, period_ordinal order by closing_ordinal desc
    ) = 1
),

final as (
    select
        {{ surrogate_key([
            'latest.subscription_id', 'latest.period_ordinal', 'latest.metric_key',
        ]) }} as clamped_quantity_id,
        latest.subscription_id,
        latest.period_ordinal,
        periods.period_started_at,
        periods.period_ended_at,
        latest.metric_key,
        latest.metric_name,
        latest.metered_quantity
    from latest
    inner join periods
        on
            latest.subscription_id = periods.subscription_id
            and latest.period_ordinal = periods.period_ordinal
    where latest.metered_quantity < 0
)

select * from final
