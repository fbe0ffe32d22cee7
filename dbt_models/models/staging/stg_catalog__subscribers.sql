{#
    One row per subscriber and address. An address that was recorded once goes on to identify: an
    event that it attributed must not become nobody's because the subscriber has another one now.
#}
with

subscribers as (select * from {{ source('catalog', 'catalog_subscribers') }}),

renamed as (
    select
        subscriber_key,
        email_key,
        {{ utc('recorded_at') }} as version_recorded_at
    from subscribers
),

known as (
    select
        subscriber_key,
        email_key,
        min(version_recorded_at) as email_recorded_at
    from renamed
    where version_recorded_at <= {{ as_of() }}
    group by subscriber_key, email_key
),

addresses as (
    select
        {{ surrogate_key(['subscriber_key', 'email_key']) }} as subscriber_address_id,
        subscriber_key,
        email_key,
        email_recorded_at,
        min(email_recorded_at) over (partition by subscriber_key) as recorded_at
    from known
)

select * from addresses
