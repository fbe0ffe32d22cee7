with

setup_fees as (select * from {{ source('catalog', 'catalog_setup_fees') }}),

renamed as (
    select distinct
        terms_id,
        name as fee_name,
        amount,
        per as paid_per,
        bill
    from setup_fees
)

select * from renamed
