{#
    One row per subscription and credential that records name together and the catalogue did not know
    before: the record teaches that the one belongs to the other, from when it and the subscription are
    known (R5). Without a credential it is the subscription's default one, which has no key (R21).
    What a later record teaches of the same credential holds for events from then on only, so that it
    takes none back.
#}
with

events as (select * from {{ ref('stg_metering__events') }}),

subscriptions as (select * from {{ ref('int_subscriptions__latest') }}),

credentials as (select * from {{ ref('stg_catalog__credentials') }}),

catalogued as (
    select
        credential_key,
        min(recorded_at) as recorded_at
    from credentials
    group by credential_key
),

named as (
    select
        subscription_id,
        credential_key,
        min(known_at) as known_at,
        min_by(credential_name, (known_at, coalesce(credential_name, ''), content_hash))
            as credential_name
    from events
    where subscription_id is not null
    group by subscription_id, credential_key
),

told as (
    select
        named.subscription_id,
        named.credential_key,
        case
            when named.credential_key is not null then named.credential_name
        end as credential_name,
        greatest(named.known_at, subscriptions.recorded_at) as taught_at,
        subscriptions.started_at
    from named
    inner join subscriptions on named.subscription_id = subscriptions.subscription_id
),

news as (
    select told.*
    from told
    anti join catalogued
        on
            told.credential_key = catalogued.credential_key
            and told.taught_at >= catalogued.recorded_at
),

taught as (
    select
        {{ surrogate_key(['credential_key', 'subscription_id']) }} as credential_id,
        credential_key,
        coalesce(credential_name, 'default') as credential_name,
        subscription_id,
        started_at as valid_from,
        taught_at,
        case
            when taught_at > min(taught_at) over (partition by credential_key) then taught_at
        end as claims_events_from
    from news
)

select * from taught
