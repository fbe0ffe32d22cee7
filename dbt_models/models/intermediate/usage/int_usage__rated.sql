{{ config(materialized='view') }}
{#
    One row per span in which an event was billable and what it is measured for then: a pricing metric,
    a cost without a price or without an exchange rate, a distinct-element fee, a pricing rule, a quota
    that can stop it, and the overage quota of transactions that it uses although a rule replaces it (R40).
#}
with

billable as (select * from {{ ref('int_events__billable') }}),

measured as (select * from {{ ref('int_usage__measured') }}),

of_elements as (select * from {{ ref('int_usage__of_elements') }}),

quotas as (
    select * from {{ ref('stg_catalog__quotas') }}
    where effect = 'block' and metric_key is null
),

metrics as (select * from {{ ref('stg_catalog__metrics') }}),

overages as (
    select
        metrics.terms_id,
        metrics.metric_key
    from {{ ref('stg_catalog__quotas') }} as quotas
    inner join metrics
        on quotas.terms_id = metrics.terms_id and quotas.effect = metrics.quota_effect
    where quotas.effect = 'overage' and quotas.metric_key is null
),

costed as (select * from {{ ref('int_events__costed') }}),

costs as (
    select
        measured.*,
        costed.cost_amount is not null as is_priced,
        costed.cost_known_at,
        greatest(measured.known_from, costed.cost_known_at) as priced_from
    from measured
    inner join costed on measured.event_version_id = costed.event_version_id
    where measured.is_cost
),

unioned as (
    select
        event_version_id,
        event_key,
        source_id,
        event_id,
        occurred_at,
        subscription_id,
        period_ordinal,
        'usage' as kind,
        metric_key as item_key,
        {{ null_of('string') }} as match_value,
        case when aggregation = 'count_unique' then text_value end as element_value,
        quantity,
        {{ null_of('decimal(37, 18)') }} as rule_amount,
        counted_from as known_from,
        known_until
    from measured
    where quantity is not null
    union all
    select
        event_version_id,
        event_key,
        source_id,
        event_id,
        occurred_at,
        subscription_id,
        period_ordinal,
        'unpriced' as kind,
        metric_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        {{ null_of('decimal(37, 18)') }} as rule_amount,
        known_from,
        case when is_priced then least(priced_from, known_until) else known_until end
            as known_until
    from costs
    union all
    select
        event_version_id,
        event_key,
        source_id,
        event_id,
        occurred_at,
        subscription_id,
        period_ordinal,
        'unexchanged' as kind,
        metric_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        {{ null_of('decimal(37, 18)') }} as rule_amount,
        priced_from as known_from,
        case when quantity is not null then least(counted_from, known_until) else known_until end
            as known_until
    from costs
    where is_priced
    union all
    select
        event_version_id,
        event_key,
        source_id,
        event_id,
        occurred_at,
        subscription_id,
        period_ordinal,
        'element_fee' as kind,
        element as item_key,
        match_value,
        element_value,
        1.000000000000::decimal(25, 12) as quantity,
        {{ null_of('decimal(37, 18)') }} as rule_amount,
        counted_from as known_from,
        known_until
    from of_elements
    union all
    select
        event_version_id,
        event_key,
        source_id,
        event_id,
        occurred_at,
        subscription_id,
        period_ordinal,
        'rule' as kind,
        rule_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        rule_amount,
        known_from,
        known_until
    from billable
    where rule_amount is not null
    union all
    select
        billable.event_version_id,
        billable.event_key,
        billable.source_id,
        billable.event_id,
        billable.occurred_at,
        billable.subscription_id,
        billable.period_ordinal,
        'quota' as kind,
        'quota' as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        {{ null_of('decimal(37, 18)') }} as rule_amount,
        billable.known_from,
        billable.known_until
    from billable
    inner join quotas on billable.terms_id = quotas.terms_id
    union all
    select
        billable.event_version_id,
        billable.event_key,
        billable.source_id,
        billable.event_id,
        billable.occurred_at,
        billable.subscription_id,
        billable.period_ordinal,
        'replaced' as kind,
        overages.metric_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        {{ null_of('decimal(37, 18)') }} as rule_amount,
        billable.known_from,
        billable.known_until
    from billable
    inner join overages on billable.terms_id = overages.terms_id
    where billable.mode = 'replace'
),

rated as (
    select * from unioned
    where known_until is null or known_from < known_until
)

select * from rated
