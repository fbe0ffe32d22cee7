{#
    Each distinct value of an element costs its amount once in a period and subscription, however many
    events carry it. A value that is not listed costs the default, or nothing where there is none.
#}
with

counted as (
    select * from {{ ref('int_element_values__counted_to_closings') }}
    where standing_count > 0
),

periods as (select * from {{ ref('int_periods__closed') }}),

fees as (select * from {{ ref('stg_catalog__element_fees') }}),

amounts as (select * from {{ ref('stg_catalog__element_fee_amounts') }}),

priced as (
    select
        counted.*,
        periods.terms_id,
        fees.catalog_order,
        coalesce(amounts.element_value, counted.element_value) as listed_value,
        coalesce(amounts.amount, fees.default_amount) as amount
    from counted
    inner join periods
        on
            counted.subscription_id = periods.subscription_id
            and counted.period_ordinal = periods.period_ordinal
    inner join fees
        on periods.terms_id = fees.terms_id and counted.element = fees.element
    left outer join amounts
        on
            periods.terms_id = amounts.terms_id
            and counted.element = amounts.element
            and counted.match_value = amounts.match_value
),

charged as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        period_ordinal as billed_ordinal,
        'element_fee' as kind,
        element as item_key,
        element as item_name,
        catalog_order,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        listed_value as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        amount as fixed_amount,
        {{ null_of('decimal(13, 12)') }} as fraction,
        amount::decimal(37, 18) as exact_amount,
        {{ null_of('decimal(25, 12)') }} as usage_quantity,
        {{ null_of('bigint') }} as usage_event_count,
        {{ null_of('bigint') }} as unpriced_event_count
    from priced
    where amount is not null
)

select * from charged
