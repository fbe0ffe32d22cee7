{#
    One row per product version and dated terms, and per name of a product that events give and the
    catalogue does not know: a default product, for analytics only, from the first record on (R5).
#}
with

catalogued as (select * from {{ ref('int_products__with_currency') }}),

events as (select * from {{ ref('stg_metering__events') }}),

named as (
    select
        product_name,
        {{ surrogate_key(['product_name']) }} as product_key,
        min(known_at) as recorded_at
    from events
    where product_name is not null
    group by product_name
),

unioned as (
    select
        terms_id,
        product_id,
        product_key,
        product_name,
        product_version,
        currency,
        minor_unit,
        is_analytics_only,
        'catalog' as origin,
        valid_from,
        recorded_at
    from catalogued
    union all
    select
        named.product_key as terms_id,
        named.product_key || '@1.0.0' as product_id,
        named.product_key,
        named.product_name,
        '1.0.0' as product_version,
        {{ null_of('string') }} as currency,
        {{ null_of('int') }} as minor_unit,
        true as is_analytics_only,
        'auto' as origin,
        named.recorded_at as valid_from,
        named.recorded_at
    from named
    anti join catalogued on named.product_name = catalogued.product_name
)

select * from unioned
