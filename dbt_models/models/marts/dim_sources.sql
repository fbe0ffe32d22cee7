with

sources as (select * from {{ ref('int_sources__seen') }}),

final as (
    select
        source_id,
        kind,
        source_name,
        origin,
        recorded_at
    from sources
)

select * from final
