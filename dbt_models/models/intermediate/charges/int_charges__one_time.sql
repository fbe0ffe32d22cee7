{# A one-time charge: on purchase, or at the end of a trial that was not cancelled (R47). #}
with

known as (
    select * from {{ ref('int_purchases__known_at_closings') }}
    where kind = 'one_time' and is_charged
),

charged as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        'one_time' as kind,
        charge_key as item_key,
        charge_name as item_name,
        catalog_order,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        {{ null_of('string') }} as element_value,
        {{ null_of('decimal(25, 12)') }} as quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        full_amount as fixed_amount,
        {{ null_of('decimal(13, 12)') }} as fraction,
        full_amount::decimal(37, 18) as exact_amount,
        {{ null_of('decimal(25, 12)') }} as usage_quantity,
        {{ null_of('bigint') }} as usage_event_count,
        {{ null_of('bigint') }} as unpriced_event_count
    from known
)

select * from charged
