{# A subscription is known from the first time that it was recorded, whatever changed later. #}
with

subscriptions as (select * from {{ source('catalog', 'catalog_subscriptions') }}),

renamed as (
    select
        subscription_id,
        name as subscription_name,
        subscriber_key,
        organization_id,
        product_id,
        billing_zone,
        row_hash,
        {{ utc('started_at') }} as started_at,
        {{ utc('ended_at') }} as ended_at,
        {{ utc('recorded_at') }} as version_recorded_at
    from subscriptions
),

known as (
    select
        *,
        min(version_recorded_at) over (partition by subscription_id) as recorded_at
    from renamed
    where version_recorded_at < {{ as_of() }}
),

latest as (
    select * from known
    qualify row_number() over (
        partition by subscription_id order by version_recorded_at desc, row_hash asc
    ) = 1
)

select * from latest
