{# Every pricing idea is one model; adding one adds a line here. Rounds once, in its currency. #}
with

unioned as (
    select * from {{ ref('int_charges__setup_fees') }}
    union all
    select * from {{ ref('int_charges__one_time') }}
    union all
    select * from {{ ref('int_charges__recurring') }}
    union all
    select * from {{ ref('int_charges__graduated') }}
    union all
    select * from {{ ref('int_charges__volume') }}
    union all
    select * from {{ ref('int_charges__distinct_elements') }}
    union all
    select * from {{ ref('int_charges__rules') }}
),

products as (select * from {{ ref('int_products__with_currency') }}),

rounded as (
    select
        unioned.*,
        products.currency,
        {{ rounded_to_minor_unit('unioned.exact_amount', 'products.minor_unit') }} as amount
    from unioned
    inner join products on unioned.terms_id = products.terms_id
)

select * from rounded
