{#
    One row per metering element and source that carries it: as the catalogue attaches it, else from
    the first record on that does (R5). Elements that any product has are none of a source's own. What
    the catalogue does not know is a number as long as all of its values are.
#}
with

elements as (select * from {{ ref('stg_catalog__metering_elements') }}),

attachments as (select * from {{ ref('stg_catalog__element_attachments') }}),

built_in_elements as (select * from {{ ref('built_in_elements') }}),

events as (select * from {{ ref('stg_metering__events') }}),

shapes as (
    select
        source_id,
        map_keys(elements) as element_keys,
        map_keys(element_numbers) as number_keys,
        min(known_at) as known_at
    from events
    group by source_id, map_keys(elements), map_keys(element_numbers)
),

carried as (
    select
        shapes.source_id,
        numbered.element,
        shapes.known_at,
        array_contains(shapes.number_keys, numbered.element) as is_number
    from shapes
    cross join lateral {{ numbered('shapes.element_keys', 'element') }} as numbered
),

seen as (
    select
        element,
        source_id,
        case when bool_and(is_number) then 'number' else 'string' end as element_type,
        min(known_at) as recorded_at
    from carried
    group by element, source_id
),

unioned as (
    select
        attachments.element,
        attachments.source_id,
        elements.element_type,
        'catalog' as origin,
        attachments.recorded_at
    from attachments
    inner join elements on attachments.element = elements.element
    union all
    select
        seen.element,
        seen.source_id,
        coalesce(elements.element_type, seen.element_type) as element_type,
        'auto' as origin,
        seen.recorded_at
    from seen
    left outer join elements on seen.element = elements.element
    anti join attachments
        on seen.element = attachments.element and seen.source_id = attachments.source_id
    anti join built_in_elements on seen.element = built_in_elements.element
),

identified as (
    select
        {{ surrogate_key(['element', 'source_id']) }} as metering_element_id,
        *
    from unioned
)

select * from identified
