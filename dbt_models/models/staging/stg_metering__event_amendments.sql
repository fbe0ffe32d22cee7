{# The whole content of an event anew, from when it became known (R9). #}
with

event_amendments as (select * from {{ source('metering', 'event_amendments') }}),

renamed as (
    select
        event_amendments.event_key,
        event_amendments.source_id,
        event_amendments.event_id,
        event_amendments.source_kind,
        event_amendments.content_hash,
        event_amendments.subscription_id,
        event_amendments.credential_key,
        event_amendments.credential_name,
        event_amendments.subscriber_key,
        event_amendments.email_key,
        event_amendments.organization_name,
        event_amendments.product_name,
        event_amendments.provider,
        event_amendments.model,
        event_amendments.input_tokens,
        event_amendments.output_tokens,
        event_amendments.cache_read_tokens,
        event_amendments.cache_creation_tokens,
        event_amendments.sent_cost,
        event_amendments.elements,
        event_amendments.element_numbers,
        event_amendments.is_billing_skipped,
        {{ utc('event_amendments.occurred_at') }} as occurred_at,
        {{ utc('event_amendments.received_at') }} as received_at,
        {{ utc('event_amendments.known_at') }} as known_at
    from event_amendments
),

known as (
    select * from renamed
    where known_at < {{ as_of() }}
),

distinct_amendments as (
    select * from known
    qualify row_number() over (partition by event_key, known_at order by content_hash) = 1
)

select * from distinct_amendments
