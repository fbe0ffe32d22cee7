{#
    One row per subscription, period, pricing rule and closing at which its sum changed: the exact sum
    of the amounts of its transactions as known then (R40). One that is too large for a line is held:
    nothing of it counts.
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind = 'rule' and closing_ordinal is not null
),

changes as (
    select
        subscription_id,
        period_ordinal,
        item_key as rule_key,
        closing_ordinal,
        rule_amount as amount,
        1 as event_count
    from closed
    union all
    select
        subscription_id,
        period_ordinal,
        item_key as rule_key,
        removed_ordinal as closing_ordinal,
        -rule_amount as amount,
        -1 as event_count
    from closed
    where removed_ordinal is not null
),

changed as (
    select
        subscription_id,
        period_ordinal,
        rule_key,
        closing_ordinal,
        sum(amount)::decimal(38, 18) as amount,
        sum(event_count) as event_count
    from changes
    group by subscription_id, period_ordinal, rule_key, closing_ordinal
),

cumulated as (
    select
        subscription_id,
        period_ordinal,
        rule_key,
        closing_ordinal,
        (sum(amount) over so_far)::decimal(38, 18) as amount,
        (sum(event_count) over so_far)::bigint as event_count
    from changed
    window
        so_far as (
            partition by subscription_id, period_ordinal, rule_key
            order by closing_ordinal
            rows between unbounded preceding and current row
        )
),

summed as (
    select
        subscription_id,
        period_ordinal,
        rule_key,
        closing_ordinal,
        case when {{ fits_a_line('amount') }} then amount else 0 end::decimal(37, 18) as amount,
        case when {{ fits_a_line('amount') }} then event_count else 0 end as event_count,
        not {{ fits_a_line('amount') }} as is_too_large
    from cumulated
)

select * from summed
