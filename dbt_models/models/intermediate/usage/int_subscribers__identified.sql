{#
    One row per event and subscriber that it may be of, with since and until when that was known: by
    the id that it sent; by the address, for as long as nobody was known by the id.
#}
with

events as (select * from {{ ref('int_events__versions') }}),

addresses as (select * from {{ ref('stg_catalog__subscribers') }}),

subscribers as (
    select distinct
        subscriber_key,
        recorded_at
    from addresses
),

by_id as (
    select
        events.event_version_id,
        subscribers.subscriber_key,
        subscribers.recorded_at as known_from,
        {{ null_of('timestamp') }} as known_until
    from events
    inner join subscribers on events.subscriber_key = subscribers.subscriber_key
),

by_address as (
    select
        events.event_version_id,
        addresses.subscriber_key,
        addresses.email_recorded_at as known_from,
        by_id.known_from as known_until
    from events
    inner join addresses on events.email_key = addresses.email_key
    left outer join by_id on events.event_version_id = by_id.event_version_id
    where by_id.known_from is null or addresses.email_recorded_at < by_id.known_from
),

identified as (
    select * from by_id
    union all
    select * from by_address
)

select * from identified
