{#
    One row per subscription, period, distinct value of a fee's element and closing at which its count
    of events changed. The value is shown as it was written first.
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind = 'element_fee' and closing_ordinal is not null
),

written as (
    select
        subscription_id,
        period_ordinal,
        item_key as element,
        match_value,
        min_by(
            element_value, (closing_ordinal, occurred_at, source_id, event_id, element_value)
        ) as element_value
    from closed
    group by subscription_id, period_ordinal, item_key, match_value
),

changes as (
    select
        subscription_id,
        period_ordinal,
        item_key as element,
        match_value,
        closing_ordinal,
        1 as event_count
    from closed
    union all
    select
        subscription_id,
        period_ordinal,
        item_key as element,
        match_value,
        removed_ordinal as closing_ordinal,
        -1 as event_count
    from closed
    where removed_ordinal is not null
),

changed as (
    select
        subscription_id,
        period_ordinal,
        element,
        match_value,
        closing_ordinal,
        sum(event_count) as event_count
    from changes
    group by subscription_id, period_ordinal, element, match_value, closing_ordinal
),

cumulated as (
    select
        *,
        (
            sum(event_count) over (
                partition by subscription_id, period_ordinal, element, match_value
                order by closing_ordinal
                rows between unbounded preceding and current row
            )
        )::bigint as standing_count
    from changed
),

counted as (
    select
        cumulated.* {{ without(['event_count']) }},
        written.element_value
    from cumulated
    inner join written
        on
            cumulated.subscription_id = written.subscription_id
            and cumulated.period_ordinal = written.period_ordinal
            and cumulated.element = written.element
            and cumulated.match_value = written.match_value
)

select * from counted
