with

product_sources as (select * from {{ source('catalog', 'catalog_product_sources') }}),

renamed as (
    select distinct
        terms_id,
        source_id
    from product_sources
)

select * from renamed
