{#
    A setup fee: on an invoice of its own that has to be paid first, or with the first closing
    invoice, waived if the trial was cancelled (R46).
#}
with

licensed as (
    select * from {{ ref('int_subscriptions__licensed') }}
    where has_setup_invoice
),

known as (
    select * from {{ ref('int_purchases__known_at_closings') }}
    where kind = 'setup' and is_charged
),

due as (
    select
        subscription_id,
        terms_id,
        -1 as period_ordinal,
        -1 as closing_ordinal,
        -1 as billed_ordinal,
        setup_fee_name,
        setup_fee_amount
    from licensed
    union all
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        charge_name as setup_fee_name,
        full_amount as setup_fee_amount
    from known
),

charged as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        'setup' as kind,
        'setup' as item_key,
        setup_fee_name as item_name,
        1 as catalog_order,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        {{ null_of('string') }} as element_value,
        {{ null_of('decimal(25, 12)') }} as quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        setup_fee_amount as fixed_amount,
        {{ null_of('decimal(13, 12)') }} as fraction,
        setup_fee_amount::decimal(37, 18) as exact_amount,
        {{ null_of('decimal(25, 12)') }} as usage_quantity,
        {{ null_of('bigint') }} as usage_event_count,
        {{ null_of('bigint') }} as unpriced_event_count
    from due
)

select * from charged
