{# One row per distinct value in a period that a fee has no amount for: reported, not billed. #}
with

first_seen as (select * from {{ ref('int_element_values__first_seen') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

fees as (
    select * from {{ ref('stg_catalog__element_fees') }}
    where default_amount is null
),

amounts as (select * from {{ ref('stg_catalog__element_fee_amounts') }}),

unlisted as (
    select
        first_seen.subscription_id,
        first_seen.period_ordinal,
        first_seen.element,
        first_seen.match_value,
        first_seen.element_value,
        periods.product_name
    from first_seen
    inner join periods
        on
            first_seen.subscription_id = periods.subscription_id
            and first_seen.period_ordinal = periods.period_ordinal
    inner join fees
        on periods.terms_id = fees.terms_id and first_seen.element = fees.element
    left outer join amounts
        on
            periods.terms_id = amounts.terms_id
            and first_seen.element = amounts.element
            and first_seen.match_value = amounts.match_value
    where amounts.match_value is null
)

select * from unlisted
