with

recurring_charges as (select * from {{ source('catalog', 'catalog_recurring_charges') }}),

renamed as (
    select distinct
        terms_id,
        charge_key,
        name as charge_name,
        catalog_order,
        amount,
        bill
    from recurring_charges
)

select * from renamed
