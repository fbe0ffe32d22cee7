{#
    One row per event, thing that it was to be billed for and reason why it is not: known after the
    look-back of its period (R29), a pricing rule without an amount or without an answer (R40), a cost
    without an exchange rate (R37), a quantity, cost or sum of a rule that is too large for a bill.
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind in ('usage', 'element_fee', 'rule') and known_until is null
),

aggregated as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

summed as (select * from {{ ref('int_rules__summed_to_closings') }}),

last_known as (
    select
        subscription_id,
        period_ordinal,
        'usage' as kind,
        metric_key as item_key,
        max_by(is_too_large, closing_ordinal) as is_too_large
    from aggregated
    group by subscription_id, period_ordinal, metric_key
    union all
    select
        subscription_id,
        period_ordinal,
        'rule' as kind,
        rule_key as item_key,
        max_by(is_too_large, closing_ordinal) as is_too_large
    from summed
    group by subscription_id, period_ordinal, rule_key
),

ruled as (select * from {{ ref('int_events__ruled') }}),

unanswered as (select * from {{ ref('int_rules__unanswered') }}),

exchanged as (select * from {{ ref('int_costs__exchanged') }}),

costed as (
    select * from {{ ref('int_events__costed') }}
    where cost_amount is not null
),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where status = 'billable' and known_until is null
),

reasons as (
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        item_key,
        'beyond_look_back' as reason,
        quantity
    from closed
    where closing_ordinal is null
    union all
    select
        closed.event_version_id,
        closed.subscription_id,
        closed.period_ordinal,
        closed.item_key,
        'too_large' as reason,
        closed.quantity
    from closed
    inner join last_known
        on
            closed.subscription_id = last_known.subscription_id
            and closed.period_ordinal = last_known.period_ordinal
            and closed.kind = last_known.kind
            and closed.item_key = last_known.item_key
            and last_known.is_too_large
    where closed.closing_ordinal is not null and closed.removed_ordinal is null
    union all
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        rule_key as item_key,
        'rule_without_amount' as reason,
        1 as quantity
    from ruled
    where amount is null
    union all
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        rule_key as item_key,
        'rule_without_answer' as reason,
        1 as quantity
    from unanswered
    union all
    select
        exchanged.event_version_id,
        attributed.subscription_id,
        attributed.period_ordinal,
        'totalCost' as item_key,
        case when exchanged.is_rate_known then 'too_large' else 'no_exchange_rate' end as reason,
        costed.cost_amount as quantity
    from exchanged
    inner join costed on exchanged.event_version_id = costed.event_version_id
    inner join attributed on exchanged.event_version_id = attributed.event_version_id
    where exchanged.cost_amount is null
),

unbilled as (
    select
        reasons.subscription_id,
        reasons.period_ordinal,
        reasons.item_key,
        reasons.reason,
        reasons.quantity::decimal(25, 12) as quantity,
        attributed.event_key
    from reasons
    inner join attributed
        on
            reasons.event_version_id = attributed.event_version_id
            and reasons.subscription_id = attributed.subscription_id
            and reasons.period_ordinal = attributed.period_ordinal
)

select * from unbilled
