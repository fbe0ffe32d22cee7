with

events as (select * from {{ ref('int_events__first_received') }}),

attributed as (select * from {{ ref('int_events__attributed') }}),

costed as (select * from {{ ref('int_events__costed') }}),

subscriptions as (select * from {{ ref('int_subscriptions__named') }}),

credentials as (select * from {{ ref('int_credentials__latest') }}),

final as (
    select
        events.event_key,
        events.source_id,
        events.event_id,
        events.occurred_at,
        events.received_at,
        attributed.known_at,
        attributed.subscription_id,
        subscriptions.product_id,
        coalesce(subscriptions.product_name, events.product_name) as product_name,
        coalesce(subscriptions.organization_name, events.organization_name) as organization_name,
        coalesce(credentials.credential_name, events.credential_name, 'default') as credential_name,
        events.provider,
        events.model,
        costed.input_tokens,
        costed.output_tokens,
        costed.cost_amount,
        costed.cost_origin,
        attributed.period_ordinal,
        attributed.status
    from events
    inner join attributed on events.event_key = attributed.event_key
    left outer join costed on events.event_key = costed.event_key
    left outer join subscriptions on attributed.subscription_id = subscriptions.subscription_id
    left outer join credentials
        on
            events.credential_key = credentials.credential_key
            and attributed.subscription_id = credentials.subscription_id
)

select * from final
