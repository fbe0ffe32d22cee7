{#
    One row per thing that can be charged in a period and closing at which it may have changed: its
    rounded amount as known then, 0 included. A thing is a metric, a value of an element, a pricing
    rule, or a recurring or one-time charge.
#}
with

charges as (select * from {{ ref('int_charges__unioned') }}),

usage as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

element_values as (select * from {{ ref('int_element_values__counted_to_closings') }}),

rules as (select * from {{ ref('int_rules__summed_to_closings') }}),

recurring as (select * from {{ ref('int_recurring__known_at_closings') }}),

purchases as (select * from {{ ref('int_purchases__known_at_closings') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

listed as (select * from {{ ref('stg_catalog__element_fee_amounts') }}),

amounts as (
    select
        subscription_id,
        kind,
        item_key,
        {{ ascii_lower(trimmed('element_value')) }} as match_value,
        period_ordinal,
        closing_ordinal,
        sum(amount) as amount
    from charges
    group by
        subscription_id,
        kind,
        item_key,
        {{ ascii_lower(trimmed('element_value')) }},
        period_ordinal,
        closing_ordinal
),

changed as (
    select
        subscription_id,
        'usage' as kind,
        metric_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        period_ordinal,
        closing_ordinal,
        period_ordinal as billed_ordinal,
        quantity,
        event_count,
        {{ null_of('bigint') }} as used_seconds,
        {{ null_of('bigint') }} as full_seconds,
        {{ null_of('string') }} as bill
    from usage
    union all
    select
        subscription_id,
        'element_fee' as kind,
        element as item_key,
        match_value,
        element_value,
        period_ordinal,
        closing_ordinal,
        period_ordinal as billed_ordinal,
        case when standing_count > 0 then 1 else 0 end::decimal(25, 12) as quantity,
        {{ null_of('bigint') }} as event_count,
        {{ null_of('bigint') }} as used_seconds,
        {{ null_of('bigint') }} as full_seconds,
        {{ null_of('string') }} as bill
    from element_values
    union all
    select
        subscription_id,
        'rule' as kind,
        rule_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        period_ordinal,
        closing_ordinal,
        period_ordinal as billed_ordinal,
        event_count::decimal(25, 12) as quantity,
        event_count,
        {{ null_of('bigint') }} as used_seconds,
        {{ null_of('bigint') }} as full_seconds,
        {{ null_of('string') }} as bill
    from rules
    union all
    select
        subscription_id,
        'recurring' as kind,
        charge_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        {{ null_of('decimal(25, 12)') }} as quantity,
        {{ null_of('bigint') }} as event_count,
        used_seconds::bigint as used_seconds,
        full_seconds::bigint as full_seconds,
        bill
    from recurring
    union all
    select
        subscription_id,
        kind,
        charge_key as item_key,
        {{ null_of('string') }} as match_value,
        {{ null_of('string') }} as element_value,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        {{ null_of('decimal(25, 12)') }} as quantity,
        {{ null_of('bigint') }} as event_count,
        {{ null_of('bigint') }} as used_seconds,
        {{ null_of('bigint') }} as full_seconds,
        {{ null_of('string') }} as bill
    from purchases
),

named as (
    select
        terms_id,
        kind,
        item_key,
        case when kind = 'rule' then subscription_id end as subscription_id,
        case when kind = 'rule' then period_ordinal end as period_ordinal,
        min(item_name) as item_name,
        min(catalog_order) as catalog_order
    from charges
    group by
        terms_id,
        kind,
        item_key,
        case when kind = 'rule' then subscription_id end,
        case when kind = 'rule' then period_ordinal end
),

items as (
    select
        changed.* {{ without(['element_value']) }},
        coalesce(listed.element_value, changed.element_value) as element_value,
        periods.terms_id,
        coalesce(named.item_name, changed.item_key) as item_name,
        coalesce(named.catalog_order, 0) as catalog_order,
        coalesce(amounts.amount, 0)::decimal(28, 4) as amount
    from changed
    inner join periods
        on
            changed.subscription_id = periods.subscription_id
            and changed.period_ordinal = periods.period_ordinal
            and not periods.is_trial
    left outer join listed
        on
            changed.kind = 'element_fee'
            and periods.terms_id = listed.terms_id
            and changed.item_key = listed.element
            and changed.match_value = listed.match_value
    left outer join named
        on
            periods.terms_id = named.terms_id
            and changed.kind = named.kind
            and changed.item_key = named.item_key
            and coalesce(changed.subscription_id = named.subscription_id, true)
            and coalesce(changed.period_ordinal = named.period_ordinal, true)
    left outer join amounts
        on
            changed.subscription_id = amounts.subscription_id
            and changed.kind = amounts.kind
            and changed.item_key = amounts.item_key
            and changed.match_value is not distinct from amounts.match_value
            and changed.period_ordinal = amounts.period_ordinal
            and changed.closing_ordinal = amounts.closing_ordinal
)

select * from items
