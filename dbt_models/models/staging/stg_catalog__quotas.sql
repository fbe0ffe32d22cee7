with

quotas as (select * from {{ source('catalog', 'catalog_quotas') }}),

renamed as (
    select distinct
        terms_id,
        metric_key,
        units,
        effect
    from quotas
)

select * from renamed
