{#
    One row per late change of what a period was billed: the newly rounded amount less what was billed
    before, earlier adjustments included (R33). So tiers and distinct values end up as if the event
    had come in time. It may be negative.
#}
with

charges as (select * from {{ ref('int_charges__unioned') }}),

usage as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

billed as (
    select
        subscription_id,
        item_key,
        period_ordinal,
        closing_ordinal,
        sum(amount) as amount
    from charges
    where kind = 'usage'
    group by subscription_id, item_key, period_ordinal, closing_ordinal
),

totals as (
    select
        usage.subscription_id,
        usage.terms_id,
        usage.metric_key,
        usage.metric_name,
        usage.catalog_order,
        usage.period_ordinal,
        usage.closing_ordinal,
        usage.quantity,
        usage.event_count,
        coalesce(billed.amount, 0)::decimal(28, 4) as amount
    from usage
    left outer join billed
        on
            usage.subscription_id = billed.subscription_id
            and usage.metric_key = billed.item_key
            and usage.period_ordinal = billed.period_ordinal
            and usage.closing_ordinal = billed.closing_ordinal
),

changes as (
    select
        *,
        lag(amount) over by_closing as previous_amount,
        lag(quantity) over by_closing as previous_quantity,
        (amount - lag(amount) over by_closing)::decimal(28, 4) as change_amount,
        (quantity - lag(quantity) over by_closing)::decimal(25, 12) as change_quantity,
        (event_count - lag(event_count) over by_closing)::bigint as change_event_count
    from totals
    window
        by_closing as (
            partition by subscription_id, metric_key, period_ordinal order by closing_ordinal
        )
),

adjusted as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        'usage' as adjusted_kind,
        metric_key as item_key,
        metric_name as item_name,
        catalog_order,
        null::string as element_value,
        change_quantity as quantity,
        change_amount as amount,
        change_quantity as usage_quantity,
        change_event_count as usage_event_count,
        previous_quantity,
        previous_amount
    from changes
    where closing_ordinal > period_ordinal and change_amount <> 0
    union all
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        kind as adjusted_kind,
        item_key,
        item_name,
        catalog_order,
        element_value,
        quantity,
        amount,
        null::decimal(25, 12) as usage_quantity,
        null::bigint as usage_event_count,
        null::decimal(25, 12) as previous_quantity,
        0::decimal(28, 4) as previous_amount
    from charges
    where kind = 'element_fee' and closing_ordinal > period_ordinal and amount <> 0
)

select * from adjusted
