{#
    One row per subscription, metric, period and closing at which its quantity changed: the quantity
    as known then. The period's own closing is always there, also without usage.
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind = 'usage' and closing_ordinal is not null
),

periods as (select * from {{ ref('int_periods__closed') }}),

metrics as (select * from {{ ref('stg_catalog__metrics') }}),

changes as (
    select
        subscription_id,
        metric_key,
        period_ordinal,
        closing_ordinal,
        sum(quantity) as quantity,
        count(*) as event_count
    from closed
    group by subscription_id, metric_key, period_ordinal, closing_ordinal
    union all
    select
        periods.subscription_id,
        metrics.metric_key,
        periods.period_ordinal,
        periods.period_ordinal as closing_ordinal,
        0 as quantity,
        0 as event_count
    from periods
    inner join metrics on periods.terms_id = metrics.terms_id
    where periods.is_live
),

changed as (
    select
        subscription_id,
        metric_key,
        period_ordinal,
        closing_ordinal,
        sum(quantity) as quantity,
        sum(event_count) as event_count
    from changes
    group by subscription_id, metric_key, period_ordinal, closing_ordinal
),

cumulated as (
    select
        subscription_id,
        metric_key,
        period_ordinal,
        closing_ordinal,
        (sum(quantity) over so_far)::decimal(25, 12) as quantity,
        (sum(event_count) over so_far)::bigint as event_count
    from changed
    window
        so_far as (
            partition by subscription_id, metric_key, period_ordinal
            order by closing_ordinal
            rows between unbounded preceding and current row
        )
),

aggregated as (
    select
        cumulated.*,
        periods.terms_id,
        metrics.metric_name,
        metrics.catalog_order,
        metrics.pricing,
        metrics.is_cost
    from cumulated
    inner join periods
        on
            cumulated.subscription_id = periods.subscription_id
            and cumulated.period_ordinal = periods.period_ordinal
    inner join metrics
        on periods.terms_id = metrics.terms_id and cumulated.metric_key = metrics.metric_key
)

select * from aggregated
