with

unbilled as (select * from {{ ref('int_usage__unbilled') }}),

final as (
    select
        {{ surrogate_key(['subscription_id', 'period_ordinal', 'item_key', 'reason']) }}
            as unbilled_usage_id,
        subscription_id,
        period_ordinal,
        item_key,
        reason,
        count(*) as event_count,
        sum(quantity)::decimal(36, 12) as quantity,
        min(event_key) as example_event_key
    from unbilled
    group by subscription_id, period_ordinal, item_key, reason
)

select * from final
