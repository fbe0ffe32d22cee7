{#
    A source that events name and the catalogue does not know is there all the same, from the first
    record on (R5). It is derived here and never written at the edge, so a rebuild finds the same. A
    response that found its request has the source of that.
#}
with

catalogued as (select * from {{ ref('stg_catalog__sources') }}),

records as (
    select * from {{ ref('stg_metering__events') }}
    where part is null or part = 'request'
),

halves as (
    select * from {{ ref('int_events__of_halves') }}
    where is_half
),

named as (
    select
        source_id,
        source_kind,
        known_at
    from records
    union all
    select
        source_id,
        source_kind,
        known_at
    from halves
),

seen as (
    select
        source_id,
        min(source_kind) as kind,
        min(known_at) as recorded_at
    from named
    group by source_id
),

unioned as (
    select
        source_id,
        kind,
        source_name,
        'catalog' as origin,
        recorded_at
    from catalogued
    union all
    select
        seen.source_id,
        seen.kind,
        seen.source_id as source_name,
        'auto' as origin,
        seen.recorded_at
    from seen
    anti join catalogued on seen.source_id = catalogued.source_id
)

select * from unioned
