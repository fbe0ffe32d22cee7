{#
    One row per event that was sent as a request and a response: the request with what the response
    adds, known from the later of the two. A half whose other half has not come has a key of its own,
    which ends when they are joined.
#}
{% set told_anew = [
    'part',
    'event_key',
    'content_hash',
    'received_at',
    'known_at',
    'elements',
    'element_numbers',
    'is_billing_skipped',
] %}

with

records as (
    select * from {{ ref('stg_metering__events') }}
    where part is not null
),

repeated as (select * from {{ ref('int_events__repeated') }}),

paired as (select * from {{ ref('int_halves__paired') }}),

halves as (
    select records.*
    from records
    anti join repeated
        on
            records.segment_id = repeated.segment_id
            and records.segment_position = repeated.segment_position
),

answers as (
    select
        paired.request_segment_id,
        paired.request_segment_position,
        halves.content_hash,
        halves.received_at,
        halves.known_at,
        halves.elements,
        halves.element_numbers,
        halves.is_billing_skipped
    from paired
    inner join halves
        on
            paired.response_segment_id = halves.segment_id
            and paired.response_segment_position = halves.segment_position
),

joined as (
    select
        halves.* {{ without(told_anew) }},
        halves.event_key,
        {{ surrogate_key(['halves.content_hash', 'answers.content_hash']) }} as content_hash,
        greatest(halves.received_at, answers.received_at) as received_at,
        greatest(halves.known_at, answers.known_at) as known_at,
        {{ united('halves.elements', 'answers.elements') }} as elements,
        {{ united('halves.element_numbers', 'answers.element_numbers') }} as element_numbers,
        halves.is_billing_skipped or answers.is_billing_skipped as is_billing_skipped,
        false as is_half
    from halves
    inner join answers
        on
            halves.segment_id = answers.request_segment_id
            and halves.segment_position = answers.request_segment_position
),

alone as (
    select
        halves.* {{ without(told_anew) }},
        {{ surrogate_key(['halves.event_key', 'halves.part']) }} as event_key,
        halves.content_hash,
        halves.received_at,
        halves.known_at,
        halves.elements,
        halves.element_numbers,
        halves.is_billing_skipped,
        true as is_half
    from halves
    anti join paired as as_request
        on
            halves.segment_id = as_request.request_segment_id
            and halves.segment_position = as_request.request_segment_position
    anti join paired as as_response
        on
            halves.segment_id = as_response.response_segment_id
            and halves.segment_position = as_response.response_segment_position
),

of_halves as (
    select * from joined
    union all
    select * from alone
)

select * from of_halves
