with

one_time_charges as (select * from {{ source('catalog', 'catalog_one_time_charges') }}),

renamed as (
    select distinct
        terms_id,
        charge_key,
        name as charge_name,
        catalog_order,
        amount
    from one_time_charges
)

select * from renamed
