{#
    One row per credential, subscription and span in which the one mapped to the other, with since and
    until when that was known: as the catalogue says, or as a record taught. At a change of plan the
    credentials move to the successor (R44).
#}
with recursive

credentials as (select * from {{ ref('stg_catalog__credentials') }}),

taught as (
    select * from {{ ref('int_credentials__taught') }}
    where credential_key is not null
),

subscriptions as (select * from {{ ref('int_subscriptions__latest') }}),

own as (
    select
        credential_key,
        subscription_id,
        valid_from,
        valid_to,
        recorded_at as known_from,
        superseded_at as known_until,
        false as is_taught,
        {{ null_of('timestamp') }} as claims_events_from
    from credentials
    union all
    select
        credential_key,
        subscription_id,
        valid_from,
        {{ null_of('timestamp') }} as valid_to,
        taught_at as known_from,
        {{ null_of('timestamp') }} as known_until,
        true as is_taught,
        claims_events_from
    from taught
),

lineage as (
    select
        subscription_id as successor_id,
        replaces_subscription_id as ancestor_id
    from subscriptions
    where replaces_subscription_id is not null
    union all
    select
        lineage.successor_id,
        subscriptions.replaces_subscription_id as ancestor_id
    from lineage
    inner join subscriptions on lineage.ancestor_id = subscriptions.subscription_id
    where subscriptions.replaces_subscription_id is not null
),

moved as (
    select
        own.credential_key,
        successor.subscription_id,
        greatest(own.valid_from, successor.started_at) as valid_from,
        own.valid_to,
        greatest(own.known_from, successor.recorded_at) as known_from,
        own.known_until,
        own.is_taught,
        own.claims_events_from
    from own
    inner join lineage on own.subscription_id = lineage.ancestor_id
    inner join subscriptions as successor on lineage.successor_id = successor.subscription_id
),

unioned as (
    select * from own
    union all
    select * from moved
),

mapped as (
    select * from unioned
    where known_until is null or known_from < known_until
)

select * from mapped
