{#
    A table, so that a settlement sees the same segments in all of its models, also while more of
    them land.
#}
{{ config(materialized='table') }}

with

segments as (select * from {{ source('metering', 'segments') }}),

renamed as (
    select
        segment_id,
        file_name,
        read_count,
        landed_count,
        quarantined_count,
        {{ utc('landed_at') }} as landed_at
    from segments
)

select * from renamed
