with

meter_events as (select * from {{ source('metering', 'meter_events') }}),

segments as (select * from {{ ref('stg_metering__segments') }}),

later as (
    select
        meter_events.segment_id,
        meter_events.segment_position
    from meter_events
    semi join segments on meter_events.segment_id = segments.segment_id
    where {{ utc('meter_events.known_at') }} >= {{ as_of() }}
)

select * from later
