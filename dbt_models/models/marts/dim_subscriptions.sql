with

subscriptions as (select * from {{ ref('int_subscriptions__named') }}),

notified as (select * from {{ ref('int_subscriptions__notified') }}),

final as (
    select
        subscriptions.subscription_id,
        subscriptions.subscription_name,
        subscriptions.product_id,
        subscriptions.product_name,
        subscriptions.organization_id,
        subscriptions.organization_name,
        subscriptions.subscriber_key,
        subscriptions.started_at,
        subscriptions.live_from,
        subscriptions.first_period_started_at,
        subscriptions.ended_at,
        notified.quota_threshold,
        notified.tier_quota_threshold,
        notified.recipient_keys
    from subscriptions
    left outer join notified on subscriptions.subscription_id = notified.subscription_id
)

select * from final
