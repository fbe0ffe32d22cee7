{#
    One row per period with a quota: how much of it is used, and what came through above it although
    it blocks. Of transactions it counts events, else the metric as metered (R38, R39).
#}
with

quotas as (select * from {{ ref('stg_catalog__quotas') }}),

periods as (
    select * from {{ ref('int_periods__closed') }}
    where is_begun and is_live
),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where status = 'billable' and known_until is null
),

usage as (
    select * from {{ ref('int_usage__aggregated_to_closings') }}
    qualify row_number() over (
        partition by subscription_id, metric_key, period_ordinal order by closing_ordinal desc
    ) = 1
),

transactions as (
    select
        subscription_id,
        period_ordinal,
        count(*)::decimal(25, 12) as quantity
    from attributed
    group by subscription_id, period_ordinal
),

metered as (
    select
        periods.subscription_id,
        periods.period_ordinal,
        periods.period_started_at,
        periods.period_ended_at,
        periods.product_name,
        quotas.metric_key,
        quotas.units,
        quotas.effect,
        coalesce(
            case
                when quotas.metric_key is null then transactions.quantity
                else usage.metered_quantity
            end,
            0
        )::decimal(36, 12) as used_quantity
    from periods
    inner join quotas on periods.terms_id = quotas.terms_id
    left outer join transactions
        on
            periods.subscription_id = transactions.subscription_id
            and periods.period_ordinal = transactions.period_ordinal
    left outer join usage
        on
            periods.subscription_id = usage.subscription_id
            and periods.period_ordinal = usage.period_ordinal
            and quotas.metric_key = usage.metric_key
),

used as (
    select
        *,
        used_quantity >= units as is_exhausted,
        case
            when effect = 'block' and used_quantity > units then used_quantity - units
            else 0
        end::decimal(36, 12) as leaked_quantity
    from metered
)

select * from used
