{#
    One row per content of an event and subscription that one of its identifiers claims, with since
    and until when that was known: 1 by the subscription's id, 2 by credential, 3 by subscriber and
    product, 4 by organization and product, 5 by a credential that only other events have taught. A
    known identifier decides even where its subscription is not live, or a credential did not map to
    it when the event occurred (R18).
#}
with

events as (select * from {{ ref('int_events__versions') }}),

subscriptions as (select * from {{ ref('int_subscriptions__latest') }}),

versions as (select * from {{ ref('stg_catalog__subscription_versions') }}),

credentials as (select * from {{ ref('int_credentials__mapped') }}),

organization_names as (select * from {{ ref('stg_catalog__organization_names') }}),

subscriber_of_event as (select * from {{ ref('int_subscribers__identified') }}),

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
        events.event_version_id,
        1 as precedence,
        subscriptions.subscription_id,
        true as is_mapped,
        subscriptions.recorded_at as claimed_from,
        {{ null_of('timestamp') }} as claimed_until
    from events
    inner join subscriptions on events.subscription_id = subscriptions.subscription_id
),

by_credential as (
    select
        events.event_version_id,
        2 as precedence,
        credentials.subscription_id,
        events.occurred_at >= credentials.valid_from
        and (credentials.valid_to is null or events.occurred_at < credentials.valid_to)
            as is_mapped,
        credentials.known_from as claimed_from,
        credentials.known_until as claimed_until
    from events
    inner join credentials
        on events.credential_key = credentials.credential_key and not credentials.is_taught
),

by_taught_credential as (
    select
        events.event_version_id,
        5 as precedence,
        credentials.subscription_id,
        events.occurred_at >= credentials.valid_from as is_mapped,
        credentials.known_from as claimed_from,
        credentials.known_until as claimed_until
    from events
    inner join credentials
        on
            events.credential_key = credentials.credential_key
            and credentials.is_taught
            and (
                credentials.claims_events_from is null
                or events.known_from >= credentials.claims_events_from
            )
    where events.subscription_id is null
),

by_subscriber_and_product as (
    select
        subscriber_of_event.event_version_id,
        3 as precedence,
        subscriptions.subscription_id,
        true as is_mapped,
        greatest(
            subscriptions.recorded_at,
            subscriber_of_event.known_from,
            product_names.recorded_at,
            case
                when events.organization_name <> subscriptions.organization_id
                    then organization_names.recorded_at
            end
        ) as claimed_from,
        subscriber_of_event.known_until as claimed_until
    from subscriber_of_event
    inner join events on subscriber_of_event.event_version_id = events.event_version_id
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

by_organization_and_product as (
    select
        events.event_version_id,
        4 as precedence,
        subscriptions.subscription_id,
        true as is_mapped,
        greatest(
            subscriptions.recorded_at,
            product_names.recorded_at,
            case
                when events.organization_name <> subscriptions.organization_id
                    then organization_names.recorded_at
            end
        ) as claimed_from,
        {{ null_of('timestamp') }} as claimed_until
    from events
    inner join product_names on events.product_name = product_names.product_name
    inner join subscriptions
        on
            product_names.product_id = subscriptions.product_id
            and subscriptions.audience = 'organization'
    left outer join organization_names
        on
            subscriptions.organization_id = organization_names.organization_id
            and events.organization_name = organization_names.organization_name
    where
        events.organization_name = subscriptions.organization_id
        or organization_names.organization_name is not null
),

by_audience_and_product as (
    select
        events.event_version_id,
        4 as precedence,
        versions.subscription_id,
        true as is_mapped,
        greatest(
            versions.version_recorded_at,
            subscriber_of_event.known_from,
            product_names.recorded_at,
            case
                when events.organization_name <> versions.organization_id
                    then organization_names.recorded_at
            end
        ) as claimed_from,
        least(versions.superseded_at, subscriber_of_event.known_until) as claimed_until
    from subscriber_of_event
    inner join events on subscriber_of_event.event_version_id = events.event_version_id
    inner join product_names on events.product_name = product_names.product_name
    inner join versions
        on
            product_names.product_id = versions.product_id
            and contains(versions.audience_keys, subscriber_of_event.subscriber_key)
    left outer join organization_names
        on
            versions.organization_id = organization_names.organization_id
            and events.organization_name = organization_names.organization_name
    where
        events.organization_name = versions.organization_id
        or organization_names.organization_name is not null
),

claimed as (
    select * from by_subscription_id
    union all
    select * from by_credential
    union all
    select * from by_subscriber_and_product
    union all
    select * from by_organization_and_product
    union all
    select * from by_audience_and_product
    union all
    select * from by_taught_credential
)

select * from claimed
