{#
    One row per request of an API and the response that completes it (R14), as of the later of the
    two. A response seldom says its source; one that does not fits a request of any. A request and a
    response are a pair where neither was completed before by another, so that what comes later never
    parts a pair.
#}
with

halves as (
    select * from {{ ref('stg_metering__events') }}
    where part is not null
    qualify row_number() over (
        partition by source_id, event_id, part
        order by known_at, content_hash, segment_id, segment_position
    ) = 1
),

responses as (
    select * from halves
    where part = 'response'
),

fitting as (
    select
        requests.source_id,
        requests.event_id,
        requests.segment_id as request_segment_id,
        requests.segment_position as request_segment_position,
        responses.source_id as response_source_id,
        responses.segment_id as response_segment_id,
        responses.segment_position as response_segment_position,
        greatest(requests.known_at, responses.known_at) as known_at
    from halves as requests
    inner join responses
        on
            requests.event_id = responses.event_id
            and (
                requests.source_id = responses.source_id
                or responses.source_id = responses.source_kind
            )
    where requests.part = 'request'
),

ranked as (
    select
        *,
        row_number() over (
            partition by event_id, source_id order by known_at, response_source_id
        ) as response_rank,
        row_number() over (
            partition by event_id, response_source_id order by known_at, source_id
        ) as request_rank
    from fitting
),

paired as (
    select * {{ without(['response_source_id', 'response_rank', 'request_rank']) }}
    from ranked
    where response_rank = 1 and request_rank = 1
)

select * from paired
