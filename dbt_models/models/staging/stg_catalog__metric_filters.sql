with

metric_filters as (select * from {{ source('catalog', 'catalog_metric_filters') }}),

renamed as (
    select distinct
        terms_id,
        metric_key,
        element,
        match_value
    from metric_filters
)

select * from renamed
