{# An event counts only once its whole segment is landed, and only if it was known by then. #}
with

meter_events as (select * from {{ source('metering', 'meter_events') }}),

segments as (select * from {{ ref('stg_metering__segments') }}),

renamed as (
    select
        meter_events.event_key,
        meter_events.source_id,
        meter_events.event_id,
        meter_events.part,
        meter_events.source_kind,
        meter_events.segment_id,
        meter_events.segment_position,
        meter_events.content_hash,
        meter_events.subscription_id,
        meter_events.credential_key,
        meter_events.credential_name,
        meter_events.subscriber_key,
        meter_events.email_key,
        meter_events.organization_name,
        meter_events.product_name,
        meter_events.provider,
        meter_events.model,
        meter_events.input_tokens,
        meter_events.output_tokens,
        meter_events.cache_read_tokens,
        meter_events.cache_creation_tokens,
        meter_events.sent_cost,
        meter_events.elements,
        meter_events.element_numbers,
        meter_events.is_billing_skipped,
        {{ utc('meter_events.occurred_at') }} as occurred_at,
        {{ utc('meter_events.received_at') }} as received_at,
        {{ utc('meter_events.known_at') }} as known_at
    from meter_events
    semi join segments on meter_events.segment_id = segments.segment_id
),

known as (
    select * from renamed
    where known_at < {{ as_of() }}
)

select * from known
