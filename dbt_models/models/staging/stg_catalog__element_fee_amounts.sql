with

element_fee_amounts as (select * from {{ source('catalog', 'catalog_element_fee_amounts') }}),

renamed as (
    select distinct
        terms_id,
        element,
        value as element_value,
        match_value,
        amount
    from element_fee_amounts
)

select * from renamed
