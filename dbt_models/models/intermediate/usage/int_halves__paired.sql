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
        ) as response_rank
    from fitting
),

complete_first as (
    select * {{ without(['response_rank']) }}
    from ranked
    where response_rank = 1
    qualify row_number() over (
        partition by event_id, response_source_id order by known_at, source_id
    ) = 1
),

-- The response of any source that came first for a request may have gone to another.
left_over as (
    select fitting.*
    from fitting
    anti join complete_first as by_request
        on
            fitting.event_id = by_request.event_id
            and fitting.source_id = by_request.source_id
    anti join complete_first as by_response
        on
            fitting.event_id = by_response.event_id
            and fitting.response_source_id = by_response.response_source_id
),

unioned as (
    select * from complete_first
    union all
    select * from left_over
),

paired as (
    select * {{ without(['response_source_id']) }}
    from unioned
)

select * from paired
