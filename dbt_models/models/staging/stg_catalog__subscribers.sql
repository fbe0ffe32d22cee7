{# A subscriber, and an address of theirs, is known from the first time that it was recorded. #}
with

subscribers as (select * from {{ source('catalog', 'catalog_subscribers') }}),

renamed as (
    select
        subscriber_key,
        email_key,
        organization_id,
        row_hash,
        {{ utc('recorded_at') }} as version_recorded_at
    from subscribers
),

known as (
    select
        *,
        min(version_recorded_at) over (partition by subscriber_key) as recorded_at,
        min(version_recorded_at) over (partition by subscriber_key, email_key) as email_recorded_at
    from renamed
    where version_recorded_at <= {{ as_of() }}
),

latest as (
    select * from known
    qualify row_number() over (
        partition by subscriber_key order by version_recorded_at desc, row_hash asc
    ) = 1
)

select * from latest
