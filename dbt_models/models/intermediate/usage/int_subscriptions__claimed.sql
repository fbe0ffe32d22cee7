{#
    One row per event and subscription that one of its identifiers claims, by the first identifier
    that is known (R18): 1 subscription id, 2 credential, 3 subscriber and product. A known
    identifier decides even where its subscription is not live, or a credential did not map to it
    when the event occurred.
#}
with

events as (select * from {{ ref('int_events__first_received') }}),

subscriptions as (select * from {{ ref('stg_catalog__subscriptions') }}),

credentials as (select * from {{ ref('stg_catalog__credentials') }}),

organization_names as (select * from {{ ref('stg_catalog__organization_names') }}),

product_names as (
    select
        product_id,
        product_name,
        min(recorded_at) as recorded_at
    from {{ ref('stg_catalog__products') }}
    group by product_id, product_name
),

by_subscription_id as (
    select
        events.event_key,
        1 as precedence,
        subscriptions.subscription_id,
        true as is_mapped,
        subscriptions.recorded_at
    from events
    inner join subscriptions on events.subscription_id = subscriptions.subscription_id
),

by_credential as (
    select
        events.event_key,
        2 as precedence,
        credentials.subscription_id,
        events.occurred_at >= credentials.valid_from
        and (credentials.valid_to is null or events.occurred_at < credentials.valid_to)
            as is_mapped,
        credentials.recorded_at
    from events
    inner join credentials on events.credential_key = credentials.credential_key
),

subscriber_of_event as (select * from {{ ref('int_subscribers__identified') }}),

by_subscriber_and_product as (
    select
        subscriber_of_event.event_key,
        3 as precedence,
        subscriptions.subscription_id,
        true as is_mapped,
        greatest(
            subscriptions.recorded_at,
            subscriber_of_event.recorded_at,
            product_names.recorded_at,
            organization_names.recorded_at
        ) as recorded_at
    from subscriber_of_event
    inner join events on subscriber_of_event.event_key = events.event_key
    inner join subscriptions on subscriber_of_event.subscriber_key = subscriptions.subscriber_key
    inner join product_names
        on
            subscriptions.product_id = product_names.product_id
            and events.product_name = product_names.product_name
    left outer join organization_names
        on
            subscriptions.organization_id = organization_names.organization_id
            and events.organization_name = organization_names.organization_name
    where
        events.organization_name is null
        or subscriptions.organization_id is null
        or events.organization_name = subscriptions.organization_id
        or organization_names.organization_name is not null
),

unioned as (
    select * from by_subscription_id
    union all
    select * from by_credential
    union all
    select * from by_subscriber_and_product
),

grouped as (
    select
        event_key,
        precedence,
        subscription_id,
        bool_or(is_mapped) as is_mapped,
        coalesce(min(recorded_at) filter (where is_mapped), min(recorded_at)) as recorded_at
    from unioned
    group by event_key, precedence, subscription_id
),

claimed as (
    select * from grouped
    qualify rank() over (partition by event_key order by precedence) = 1
)

select * from claimed
