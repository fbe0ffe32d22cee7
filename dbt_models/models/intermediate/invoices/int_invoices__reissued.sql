{#
    One row per thing of a voided invoice that is to be billed again, on each closing that has to
    (R51): the amounts of its lines, added up, which count as billed no more. What it billed again itself
    is that of an earlier one.
#}
with

voided as (select * from {{ ref('int_invoices__billed_again') }}),

charges as (
    select * from {{ ref('int_charges__unioned') }}
    where closing_ordinal = billed_ordinal and period_ordinal <> 0
),

adjusted as (select * from {{ ref('int_invoices__adjusted') }}),

billed as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        kind as adjusted_kind,
        item_key,
        item_name,
        catalog_order,
        element_value,
        quantity,
        amount
    from charges
    union all
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        adjusted_kind,
        item_key,
        item_name,
        catalog_order,
        element_value,
        quantity,
        amount
    from adjusted
),

reissued as (
    select
        billed.subscription_id,
        billed.terms_id,
        billed.period_ordinal,
        voided.reissued_ordinal as closing_ordinal,
        billed.billed_ordinal,
        'adjustment' as kind,
        billed.adjusted_kind,
        billed.item_key,
        min(billed.item_name) as item_name,
        min(billed.catalog_order) as catalog_order,
        billed.element_value,
        sum(billed.quantity)::decimal(25, 12) as quantity,
        {{ null_of('decimal(13, 12)') }} as fraction,
        sum(billed.amount)::decimal(28, 4) as amount,
        {{ null_of('decimal(25, 12)') }} as usage_quantity,
        {{ null_of('bigint') }} as usage_event_count,
        case when billed.adjusted_kind = 'usage' then -sum(billed.quantity) end::decimal(25, 12)
            as previous_quantity,
        (-sum(billed.amount))::decimal(28, 4) as previous_amount
    from billed
    inner join voided
        on
            billed.subscription_id = voided.subscription_id
            and billed.closing_ordinal = voided.closing_ordinal
    group by
        billed.subscription_id,
        billed.terms_id,
        billed.period_ordinal,
        voided.reissued_ordinal,
        billed.billed_ordinal,
        billed.adjusted_kind,
        billed.item_key,
        billed.element_value
)

select * from reissued
