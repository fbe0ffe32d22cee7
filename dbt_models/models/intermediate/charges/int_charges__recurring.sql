{# A recurring charge in arrears: its amount once per live period, at the period's own closing. #}
with

periods as (
    select * from {{ ref('int_periods__closed') }}
    where is_live
),

charges as (select * from {{ ref('stg_catalog__recurring_charges') }}),

charged as (
    select
        periods.subscription_id,
        periods.terms_id,
        periods.period_ordinal,
        periods.period_ordinal as closing_ordinal,
        'recurring' as kind,
        charges.charge_key as item_key,
        charges.charge_name as item_name,
        charges.catalog_order,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        {{ null_of('string') }} as element_value,
        {{ null_of('decimal(25, 12)') }} as quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        charges.amount as fixed_amount,
        charges.amount::decimal(37, 18) as exact_amount,
        {{ null_of('decimal(25, 12)') }} as usage_quantity,
        {{ null_of('bigint') }} as usage_event_count
    from periods
    inner join charges on periods.terms_id = charges.terms_id
)

select * from charged
