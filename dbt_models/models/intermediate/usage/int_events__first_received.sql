{{ config(materialized='view') }}

with

events as (
    select * from {{ ref('stg_metering__events') }}
    where part is null
),

repeated as (select * from {{ ref('int_events__repeated') }}),

of_halves as (select * from {{ ref('int_events__of_halves') }}),

whole as (
    select events.*
    from events
    anti join repeated
        on
            events.segment_id = repeated.segment_id
            and events.segment_position = repeated.segment_position
),

first_received as (
    select
        * {{ without([
            'part',
            'event_key',
            'content_hash',
            'received_at',
            'known_at',
            'elements',
            'element_numbers',
            'is_billing_skipped',
        ]) }},
        event_key,
        content_hash,
        received_at,
        known_at,
        elements,
        element_numbers,
        is_billing_skipped,
        false as is_half
    from whole
    union all
    select * from of_halves
)

select * from first_received
