with

sources as (select * from {{ source('catalog', 'catalog_sources') }}),

known as (
    select
        source_id,
        kind,
        name as source_name,
        row_hash,
        {{ utc('recorded_at') }} as recorded_at
    from sources
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

latest as (
    select * from known
    qualify row_number() over (partition by source_id order by recorded_at desc, row_hash asc) = 1
)

select * from latest
