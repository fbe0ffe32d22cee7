with

element_fees as (select * from {{ source('catalog', 'catalog_element_fees') }}),

renamed as (
    select distinct
        terms_id,
        element,
        catalog_order,
        default_amount
    from element_fees
)

select * from renamed
