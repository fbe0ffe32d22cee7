{{ config(materialized='view') }}

with

events as (select * from {{ ref('stg_metering__events') }}),

repeated as (select * from {{ ref('int_events__repeated') }}),

first_received as (
    select events.*
    from events
    anti join repeated
        on
            events.segment_id = repeated.segment_id
            and events.segment_position = repeated.segment_position
)

select * from first_received
