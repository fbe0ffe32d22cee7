{# What a subscription's row said, from when it was recorded until a later row replaced it. #}
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
        trial_days,
        is_immediate_cancellation,
        test_kind,
        audience,
        audience_keys,
        replaces_subscription_id,
        change,
        quota_threshold,
        tier_quota_threshold,
        recipient_keys,
        row_hash,
        {{ utc('started_at') }} as started_at,
        {{ utc('expires_at') }} as expires_at,
        {{ utc('recorded_at') }} as version_recorded_at
    from subscriptions
),

known as (
    select
        *,
        min(version_recorded_at) over (partition by subscription_id) as recorded_at,
        row_number() over (
            partition by subscription_id order by version_recorded_at asc, row_hash desc
        )::int as version_number,
        lead(version_recorded_at) over (
            partition by subscription_id order by version_recorded_at asc, row_hash desc
        ) as superseded_at
    from renamed
    where version_recorded_at <= {{ as_of() }}
)

select * from known
