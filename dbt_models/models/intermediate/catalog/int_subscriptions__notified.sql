{#
    One row per subscription with when notice of its usage is given, and to whom beside its
    subscriber: as it says itself, else as its product does by the settlement instant (R52). An
    upgrade brings what the other version says. No invoice depends on this.
#}
with

subscriptions as (select * from {{ ref('int_subscriptions__latest') }}),

products as (select * from {{ ref('stg_catalog__products') }}),

recipients as (select * from {{ ref('stg_catalog__product_recipients') }}),

upgraded as (
    select
        subscription_id,
        product_id
    from {{ ref('stg_catalog__upgrades') }}
    where valid_from <= {{ as_of() }}
    qualify row_number() over (
        partition by subscription_id order by valid_from desc, recorded_at desc
    ) = 1
),

versioned as (
    select
        subscriptions.subscription_id,
        subscriptions.quota_threshold,
        subscriptions.tier_quota_threshold,
        subscriptions.recipient_keys,
        coalesce(upgraded.product_id, subscriptions.product_id) as product_id
    from subscriptions
    left outer join upgraded on subscriptions.subscription_id = upgraded.subscription_id
),

terms as (
    select * from products
    where valid_from <= {{ as_of() }}
    qualify row_number() over (
        partition by product_id order by valid_from desc, recorded_at desc, terms_id asc
    ) = 1
),

addresses as (
    select * from recipients
    where valid_from <= {{ as_of() }}
    qualify row_number() over (partition by product_id order by valid_from desc) = 1
),

notified as (
    select
        versioned.subscription_id,
        coalesce(versioned.quota_threshold, terms.quota_threshold) as quota_threshold,
        coalesce(versioned.tier_quota_threshold, terms.tier_quota_threshold)
            as tier_quota_threshold,
        nullif(coalesce(versioned.recipient_keys, addresses.recipient_keys), '') as recipient_keys
    from versioned
    left outer join terms on versioned.product_id = terms.product_id
    left outer join addresses on versioned.product_id = addresses.product_id
)

select * from notified
