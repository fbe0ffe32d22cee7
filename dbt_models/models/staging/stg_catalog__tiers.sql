with

tiers as (select * from {{ source('catalog', 'catalog_tiers') }}),

renamed as (
    select distinct
        terms_id,
        metric_key,
        tier_number,
        name as tier_name,
        lower_bound,
        upper_bound,
        unit_rate,
        fixed_cost,
        is_overage
    from tiers
)

select * from renamed
