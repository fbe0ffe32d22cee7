{#
    One row per copy of an event that does not count: the first received wins, for ever (R12). Only
    identities whose hash occurs twice can repeat, and looking for those first is several times
    cheaper than sorting all events. Equal times of receipt are settled by content.
#}
with

events as (select * from {{ ref('stg_metering__events') }}),

candidates as (
    select {{ quick_hash('source_id, event_id') }} as identity_hash
    from events
    group by {{ quick_hash('source_id, event_id') }}
    having count(*) > 1
),

copies as (
    select
        events.event_key,
        events.source_id,
        events.event_id,
        events.segment_id,
        events.segment_position,
        events.content_hash,
        events.known_at
    from events
    semi join candidates
        on {{ quick_hash('events.source_id, events.event_id') }} = candidates.identity_hash
),

ranked as (
    select
        *,
        row_number() over (
            partition by source_id, event_id
            order by known_at, content_hash, segment_id, segment_position
        ) as copy_number,
        min_by(content_hash, (known_at, content_hash, segment_id, segment_position)) over (
            partition by source_id, event_id
        ) as first_content_hash
    from copies
),

repeated as (
    select
        event_key,
        segment_id,
        segment_position,
        content_hash <> first_content_hash as is_conflict
    from ranked
    where copy_number > 1
)

select * from repeated
