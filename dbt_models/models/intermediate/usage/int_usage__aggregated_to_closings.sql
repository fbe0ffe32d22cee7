{#
    One row per subscription, metric, period and closing at which its quantity may have changed: the
    quantity as known then. The period's own closing is always there, also without usage. What a quota
    on the metric stops is in metered_quantity and not in quantity; a cost is held as a whole until
    every event has its exchange rate (R37), and so is what is too large for a bill; less than nothing
    counts as nothing (R35). Above
    overage_bound the overage rate holds: the quota less the transactions that rules have replaced (R40).
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind in ('usage', 'unpriced', 'unexchanged', 'replaced') and closing_ordinal is not null
),

periods as (select * from {{ ref('int_periods__closed') }}),

metrics as (select * from {{ ref('stg_catalog__metrics') }}),

grouped as (
    select
        subscription_id,
        item_key as metric_key,
        period_ordinal,
        kind,
        closing_ordinal,
        removed_ordinal,
        element_value,
        sum(quantity)::decimal(38, 12) as quantity,
        max(quantity) as largest_quantity,
        count(*) as event_count
    from closed
    group by
        subscription_id,
        item_key,
        period_ordinal,
        kind,
        closing_ordinal,
        removed_ordinal,
        element_value
),

changes as (
    select
        subscription_id,
        metric_key,
        period_ordinal,
        closing_ordinal,
        case when kind = 'usage' then quantity else 0 end as quantity,
        case when kind = 'usage' then event_count else 0 end as event_count,
        case when kind = 'unpriced' then event_count else 0 end as unpriced_count,
        case when kind = 'unexchanged' then event_count else 0 end as unexchanged_count,
        case when kind = 'replaced' then event_count else 0 end as replaced_count
    from grouped
    union all
    select
        subscription_id,
        metric_key,
        period_ordinal,
        removed_ordinal as closing_ordinal,
        case when kind = 'usage' then -quantity else 0 end as quantity,
        case when kind = 'usage' then -event_count else 0 end as event_count,
        case when kind = 'unpriced' then -event_count else 0 end as unpriced_count,
        case when kind = 'unexchanged' then -event_count else 0 end as unexchanged_count,
        case when kind = 'replaced' then -event_count else 0 end as replaced_count
    from grouped
    where removed_ordinal is not null
    union all
    select
        periods.subscription_id,
        metrics.metric_key,
        periods.period_ordinal,
        periods.period_ordinal as closing_ordinal,
        0 as quantity,
        0 as event_count,
        0 as unpriced_count,
        0 as unexchanged_count,
        0 as replaced_count
    from periods
    inner join metrics on periods.terms_id = metrics.terms_id
    where periods.is_live and periods.is_begun
),

changed as (
    select
        subscription_id,
        metric_key,
        period_ordinal,
        closing_ordinal,
        sum(quantity) as quantity,
        sum(event_count) as event_count,
        sum(unpriced_count) as unpriced_count,
        sum(unexchanged_count) as unexchanged_count,
        sum(replaced_count) as replaced_count
    from changes
    group by subscription_id, metric_key, period_ordinal, closing_ordinal
),

cumulated as (
    select
        subscription_id,
        metric_key,
        period_ordinal,
        closing_ordinal,
        (sum(quantity) over so_far)::decimal(36, 12) as quantity,
        (sum(event_count) over so_far)::bigint as event_count,
        (sum(unpriced_count) over so_far)::bigint as unpriced_event_count,
        (sum(unexchanged_count) over so_far) > 0 as is_held,
        (sum(replaced_count) over so_far)::decimal(12, 0) as replaced_count
    from changed
    window
        so_far as (
            partition by subscription_id, metric_key, period_ordinal
            order by closing_ordinal
            rows between unbounded preceding and current row
        )
),

described as (
    select
        cumulated.* {{ without(['replaced_count']) }},
        periods.terms_id,
        periods.is_trial,
        metrics.metric_name,
        metrics.catalog_order,
        metrics.aggregation,
        metrics.pricing,
        metrics.is_cost,
        case when metrics.quota_effect = 'block' then metrics.quota_units end as block_units,
        case
            when metrics.quota_effect = 'overage'
                then greatest(metrics.quota_units - cumulated.replaced_count, 0)
        end::decimal(19, 6) as overage_bound
    from cumulated
    inner join periods
        on
            cumulated.subscription_id = periods.subscription_id
            and cumulated.period_ordinal = periods.period_ordinal
    inner join metrics
        on periods.terms_id = metrics.terms_id and cumulated.metric_key = metrics.metric_key
),

standing as (
    select
        described.subscription_id,
        described.metric_key,
        described.period_ordinal,
        described.closing_ordinal,
        max(grouped.largest_quantity) as largest_quantity,
        count(distinct grouped.element_value) as value_count
    from described
    inner join grouped
        on
            described.subscription_id = grouped.subscription_id
            and described.metric_key = grouped.metric_key
            and described.period_ordinal = grouped.period_ordinal
            and described.closing_ordinal >= grouped.closing_ordinal
            and (
                grouped.removed_ordinal is null
                or described.closing_ordinal < grouped.removed_ordinal
            )
    where described.aggregation in ('maximum', 'count_unique') and grouped.kind = 'usage'
    group by
        described.subscription_id,
        described.metric_key,
        described.period_ordinal,
        described.closing_ordinal
),

metered as (
    select
        described.* {{ without(['quantity']) }},
        case
            when described.aggregation = 'maximum' then coalesce(standing.largest_quantity, 0)
            when described.aggregation = 'count_unique' then coalesce(standing.value_count, 0)
            when described.aggregation = 'average' and described.event_count = 0 then 0
            when described.aggregation = 'average'
                then
                    {{ divided(
                        in_last_units('described.quantity'),
                        '(described.event_count::decimal(19, 0) * 1000000)::decimal(38, 0)'
                    ) }}::decimal(25, 0) * 0.000001
            else described.quantity
        end::decimal(36, 12) as metered_quantity
    from described
    left outer join standing
        on
            described.subscription_id = standing.subscription_id
            and described.metric_key = standing.metric_key
            and described.period_ordinal = standing.period_ordinal
            and described.closing_ordinal = standing.closing_ordinal
),

counted as (
    select
        *,
        greatest(least(metered_quantity, block_units), 0) as counted_quantity
    from metered
),

aggregated as (
    select
        * {{ without(['block_units', 'counted_quantity']) }},
        case
            when not is_held and {{ fits_a_bill('counted_quantity') }} then counted_quantity
            else 0
        end::decimal(25, 12) as quantity,
        not {{ fits_a_bill('counted_quantity') }} as is_too_large
    from counted
)

select * from aggregated
