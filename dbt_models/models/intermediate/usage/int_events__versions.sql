{#
    One row per event and content that it had, from when that was known until a correction was: an
    amendment brings the next content, a voided event has none (R9). An event that
    was corrected before it was received has its own content for no time at all, and stays counted.
#}
{{ config(materialized='view') }}

with

events as (select * from {{ ref('int_events__first_received') }}),

amendments as (select * from {{ ref('stg_metering__event_amendments') }}),

voids as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'void_event'
),

corrections as (
    select
        event_key,
        known_at
    from amendments
    union distinct
    select
        event_key,
        known_at
    from voids
),

first_corrections as (
    select
        event_key,
        min(known_at) as known_at
    from corrections
    group by event_key
),

originals as (
    select
        events.*,
        events.event_key as event_version_id,
        events.known_at as known_from,
        case
            when first_corrections.known_at is not null
                then greatest(first_corrections.known_at, events.known_at)
        end as known_until
    from events
    left outer join first_corrections on events.event_key = first_corrections.event_key
),

next_corrections as (
    select
        amendments.event_key,
        amendments.known_at,
        min(corrections.known_at) as next_known_at
    from amendments
    inner join corrections
        on
            amendments.event_key = corrections.event_key
            and amendments.known_at < corrections.known_at
    group by amendments.event_key, amendments.known_at
),

amended as (
    select
        amendments.*,
        {{ surrogate_key([
            'amendments.event_key', 'amendments.known_at', 'amendments.content_hash',
        ]) }}
            as event_version_id,
        greatest(amendments.known_at, events.known_at) as known_from,
        case
            when next_corrections.next_known_at is not null
                then greatest(next_corrections.next_known_at, events.known_at)
        end as known_until
    from amendments
    inner join events on amendments.event_key = events.event_key
    left outer join next_corrections
        on
            amendments.event_key = next_corrections.event_key
            and amendments.known_at = next_corrections.known_at
),

unioned as (
    select
        event_version_id,
        known_from,
        known_until,
        event_key,
        source_id,
        event_id,
        source_kind,
        content_hash,
        subscription_id,
        credential_key,
        credential_name,
        subscriber_key,
        email_key,
        organization_name,
        product_name,
        provider,
        model,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_creation_tokens,
        sent_cost,
        elements,
        element_numbers,
        is_billing_skipped,
        is_half,
        occurred_at,
        received_at,
        known_at
    from originals
    union all
    select
        event_version_id,
        known_from,
        known_until,
        event_key,
        source_id,
        event_id,
        source_kind,
        content_hash,
        subscription_id,
        credential_key,
        credential_name,
        subscriber_key,
        email_key,
        organization_name,
        product_name,
        provider,
        model,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_creation_tokens,
        sent_cost,
        elements,
        element_numbers,
        is_billing_skipped,
        false as is_half,
        occurred_at,
        received_at,
        known_at
    from amended
),

versions as (
    select * from unioned
    where known_until is null or known_from < known_until or event_version_id = event_key
)

select * from versions
