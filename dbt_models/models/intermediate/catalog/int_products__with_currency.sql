{{ config(materialized='view') }}

with

products as (select * from {{ ref('stg_catalog__products') }}),

currencies as (select * from {{ ref('currencies') }}),

joined as (
    select
        products.*,
        currencies.minor_unit
    from products
    inner join currencies on products.currency = currencies.currency
)

select * from joined
