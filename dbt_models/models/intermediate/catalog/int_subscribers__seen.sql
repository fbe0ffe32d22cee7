{#
    One row per subscriber: of the catalogue, else from the first record on that names one whom it
    does not know, by an id, or by an address where there is no id (R5).
#}
with

catalogued as (select * from {{ ref('stg_catalog__subscribers') }}),

events as (select * from {{ ref('stg_metering__events') }}),

named as (
    select
        subscriber_key,
        case when subscriber_key is null then email_key end as email_key,
        min(known_at) as recorded_at
    from events
    where subscriber_key is not null or email_key is not null
    group by subscriber_key, case when subscriber_key is null then email_key end
),

unioned as (
    select distinct
        subscriber_key,
        {{ null_of('string') }} as email_key,
        'catalog' as origin,
        recorded_at
    from catalogued
    union all
    select
        named.subscriber_key,
        named.email_key,
        'auto' as origin,
        named.recorded_at
    from named
    anti join catalogued as by_id on named.subscriber_key = by_id.subscriber_key
    anti join catalogued as by_address on named.email_key = by_address.email_key
),

identified as (
    select
        {{ surrogate_key(['subscriber_key', 'email_key']) }} as subscriber_seen_id,
        *
    from unioned
)

select * from identified
