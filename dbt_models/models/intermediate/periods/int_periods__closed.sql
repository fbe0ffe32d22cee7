{#
    One row per period with the terms in force at its start (R25) and the instant at which it closes:
    its end plus grace, or when the subscription was entered, if that is later (R27). Only terms that
    were known by then count (R1).
#}
with

periods as (select * from {{ ref('int_periods__generated') }}),

products as (select * from {{ ref('stg_catalog__products') }}),

currencies as (select * from {{ ref('currencies') }}),

candidates as (
    select
        periods.*,
        products.terms_id,
        products.product_name,
        products.currency,
        products.net_days,
        products.valid_from as terms_valid_from,
        products.recorded_at as terms_recorded_at,
        greatest(
            periods.period_ended_at + products.grace_seconds * interval '1' second,
            periods.subscription_recorded_at
        ) as cut_off_at
    from periods
    inner join products
        on
            periods.product_id = products.product_id
            and periods.period_started_at >= products.valid_from
),

in_force as (
    select * from candidates
    where terms_recorded_at <= cut_off_at
    qualify row_number() over (
        partition by subscription_id, period_ordinal
        order by terms_valid_from desc, terms_recorded_at desc, terms_id asc
    ) = 1
),

closed as (
    select
        in_force.*,
        currencies.minor_unit,
        in_force.cut_off_at <= {{ as_of() }} as is_closed
    from in_force
    inner join currencies on in_force.currency = currencies.currency
)

select * from closed
