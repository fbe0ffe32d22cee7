with

subscribers as (select * from {{ source('catalog', 'catalog_subscribers') }}),

known as (
    select
        subscriber_key,
        email_key,
        organization_id,
        row_hash,
        {{ utc('recorded_at') }} as recorded_at
    from subscribers
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

latest as (
    select * from known
    qualify row_number() over (
        partition by subscriber_key order by recorded_at desc, row_hash asc
    ) = 1
)

select * from latest
