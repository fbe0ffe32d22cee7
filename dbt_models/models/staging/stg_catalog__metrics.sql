with

metrics as (select * from {{ source('catalog', 'catalog_metrics') }}),

renamed as (
    select distinct
        terms_id,
        metric_key,
        name as metric_name,
        catalog_order,
        element,
        aggregation,
        match_value,
        pricing,
        quota_units,
        quota_effect,
        element = 'totalCost' as is_cost
    from metrics
)

select * from renamed
