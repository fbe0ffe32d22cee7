{# One row per event whose subscriber is known, by the id that it sent, else by the address. #}
with

events as (select * from {{ ref('int_events__first_received') }}),

subscribers as (select * from {{ ref('stg_catalog__subscribers') }}),

identified as (
    select
        events.event_key,
        subscribers.subscriber_key
    from events
    inner join subscribers on events.subscriber_key = subscribers.subscriber_key
    union all
    select
        events.event_key,
        subscribers.subscriber_key
    from events
    inner join subscribers on events.email_key = subscribers.email_key
    where events.subscriber_key is null
)

select * from identified
