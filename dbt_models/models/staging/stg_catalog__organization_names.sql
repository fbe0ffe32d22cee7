{# Every name that an organization was recorded under goes on to identify it. #}
with

organizations as (select * from {{ source('catalog', 'catalog_organizations') }}),

renamed as (
    select
        organization_id,
        name as organization_name,
        {{ utc('recorded_at') }} as recorded_at
    from organizations
),

known as (
    select
        organization_id,
        organization_name,
        min(recorded_at) as recorded_at
    from renamed
    where recorded_at <= {{ as_of() }}
    group by organization_id, organization_name
)

select * from known
