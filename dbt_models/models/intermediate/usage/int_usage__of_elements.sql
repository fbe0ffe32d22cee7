{#
    One row per span in which an event was billable and distinct-element fee whose element it carries.
    Values compare trimmed and without regard to ASCII case (R17).
#}
{{ config(materialized='view') }}

with

metered as (
    select * from {{ ref('int_events__billable') }}
    where mode is null or mode = 'add'
),

fees as (select * from {{ ref('stg_catalog__element_fees') }}),

attachments as (select * from {{ ref('stg_catalog__element_attachments') }}),

number_elements as (
    select element from {{ ref('stg_catalog__metering_elements') }}
    where element_type = 'number'
),

of_elements as (
    select
        metered.*,
        fees.element,
        {{ ascii_lower(trimmed('metered.elements[fees.element]')) }} as match_value,
        {{ trimmed('metered.elements[fees.element]') }} as element_value,
        greatest(metered.known_from, attachments.recorded_at) as counted_from
    from metered
    inner join fees on metered.terms_id = fees.terms_id
    left outer join number_elements on fees.element = number_elements.element
    inner join attachments
        on fees.element = attachments.element and metered.source_id = attachments.source_id
    where
        {{ trimmed('metered.elements[fees.element]') }} <> ''
        and (
            number_elements.element is null
            or metered.element_numbers[fees.element] is not null
        )
)

select * from of_elements
