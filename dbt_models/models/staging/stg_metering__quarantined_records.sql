with

quarantine as (select * from {{ source('metering', 'quarantine') }}),

segments as (select * from {{ ref('stg_metering__segments') }}),

renamed as (
    select
        {{ surrogate_key(['quarantine.segment_id', 'quarantine.segment_position']) }} as record_id,
        quarantine.segment_id,
        quarantine.segment_position,
        quarantine.reason,
        quarantine.detail,
        quarantine.raw_text
    from quarantine
    semi join segments on quarantine.segment_id = segments.segment_id
)

select * from renamed
