{{ config(materialized='view') }}

with

segments as (select * from {{ ref('stg_metering__segments') }}),

landed as (
    select
        segment_id,
        file_name,
        read_count,
        landed_at
    from segments
)

select * from landed
