with

products as (select * from {{ source('catalog', 'catalog_products') }}),

renamed as (
    select
        terms_id,
        product_id,
        product_key,
        name as product_name,
        version as product_version,
        currency,
        billing_zone,
        period_unit,
        period_count,
        calendar_unit,
        grace_seconds,
        net_days,
        trial_days,
        is_immediate_cancellation,
        is_analytics_only,
        quota_threshold,
        tier_quota_threshold,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from products
),

first_recorded as (
    select * from renamed
    where recorded_at <= {{ as_of() }}
    qualify row_number() over (partition by terms_id order by recorded_at) = 1
)

select * from first_recorded
