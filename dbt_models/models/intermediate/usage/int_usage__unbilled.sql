{#
    One row per event, thing that it was to be billed for and reason why it is not: known after the
    look-back of its period (R29), a pricing rule without an amount or without an answer (R40), a cost
    without an exchange rate (R37).
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where closing_ordinal is null and known_until is null
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
    where kind in ('usage', 'element_fee', 'rule')
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
        'no_exchange_rate' as reason,
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
