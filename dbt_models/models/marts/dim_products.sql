with

products as (select * from {{ ref('int_products__seen') }}),

final as (
    select
        terms_id,
        product_id,
        product_key,
        product_name,
        product_version,
        currency,
        minor_unit,
        is_analytics_only,
        origin,
        valid_from,
        recorded_at
    from products
)

select * from final
