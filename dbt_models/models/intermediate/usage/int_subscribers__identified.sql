{#
    One row per event whose subscriber is known, by the id that it sent, else by the address, and
    since when that was recorded.
#}
with

events as (select * from {{ ref('int_events__first_received') }}),

subscribers as (select * from {{ ref('stg_catalog__subscribers') }}),

by_id as (
    select
        events.event_key,
        subscribers.subscriber_key,
        subscribers.recorded_at
    from events
    inner join subscribers on events.subscriber_key = subscribers.subscriber_key
),

by_address as (
    select
        events.event_key,
        subscribers.subscriber_key,
        subscribers.email_recorded_at as recorded_at
    from events
    inner join subscribers on events.email_key = subscribers.email_key
    anti join by_id on events.event_key = by_id.event_key
),

identified as (
    select * from by_id
    union all
    select * from by_address
)

select * from identified
