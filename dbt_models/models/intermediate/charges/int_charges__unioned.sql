{# Every pricing idea is one model; adding one adds a line here. #}
with

unioned as (
    select * from {{ ref('int_charges__recurring') }}
    union all
    select * from {{ ref('int_charges__graduated') }}
    union all
    select * from {{ ref('int_charges__distinct_elements') }}
),

periods as (select * from {{ ref('int_periods__closed') }}),

rounded as (
    select
        unioned.*,
        {{ rounded_to_minor_unit('unioned.exact_amount', 'periods.minor_unit') }} as amount
    from unioned
    inner join periods
        on
            unioned.subscription_id = periods.subscription_id
            and unioned.period_ordinal = periods.period_ordinal
)

select * from rounded
