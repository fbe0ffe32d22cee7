with

subscriptions as (select * from {{ ref('int_subscriptions__named') }}),

final as (
    select
        subscription_id,
        subscription_name,
        product_id,
        product_name,
        organization_id,
        organization_name,
        subscriber_key,
        started_at,
        live_from,
        first_period_started_at,
        ended_at
    from subscriptions
)

select * from final
