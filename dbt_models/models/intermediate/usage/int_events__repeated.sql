{#
    One row per record that does not count because another one has its identity: the first received
    wins, for ever (R12). A request and a response each repeat by themselves, and what they become
    together competes with a whole event from when both are there. Only identities whose hash occurs
    twice can repeat, and looking for those first is several times cheaper than sorting all events.
    Equal times of receipt are settled by content.
#}
with

events as (select * from {{ ref('stg_metering__events') }}),

paired as (select * from {{ ref('int_halves__paired') }}),

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
        events.part,
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
            partition by source_id, event_id, part
            order by known_at, content_hash, segment_id, segment_position
        ) as copy_number,
        min_by(content_hash, (known_at, content_hash, segment_id, segment_position)) over (
            partition by source_id, event_id, part
        ) as first_content_hash
    from copies
),

contested as (
    select
        ranked.event_key,
        ranked.segment_id,
        ranked.segment_position,
        paired.response_segment_id,
        paired.response_segment_position
    from ranked
    left outer join paired
        on
            ranked.segment_id = paired.request_segment_id
            and ranked.segment_position = paired.request_segment_position
    where ranked.copy_number = 1 and (ranked.part is null or paired.known_at is not null)
    qualify row_number() over (
        partition by ranked.source_id, ranked.event_id
        order by coalesce(paired.known_at, ranked.known_at) asc, ranked.part asc nulls first
    ) > 1
),

repeated as (
    select
        event_key,
        segment_id,
        segment_position,
        content_hash <> first_content_hash as is_conflict
    from ranked
    where copy_number > 1
    union all
    select
        event_key,
        segment_id,
        segment_position,
        true as is_conflict
    from contested
    union all
    select
        event_key,
        response_segment_id as segment_id,
        response_segment_position as segment_position,
        true as is_conflict
    from contested
    where response_segment_id is not null
)

select * from repeated
