with

organizations as (select * from {{ source('catalog', 'catalog_organizations') }}),

known as (
    select
        organization_id,
        name as organization_name,
        {{ utc('recorded_at') }} as recorded_at,
        row_hash
    from organizations
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

latest as (
    select * from known
    qualify
        row_number() over (partition by organization_id order by recorded_at desc, row_hash asc) = 1
)

select * from latest
