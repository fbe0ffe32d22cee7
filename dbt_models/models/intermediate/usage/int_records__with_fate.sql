{#
    One row per record that was read: an event, the response that is joined to its request, a copy, in
    quarantine, or not known yet.
#}
{{ config(materialized='view') }}

with

attributed as (
    select
        event_key,
        case when known_until is null then status else 'voided' end as status
    from {{ ref('int_events__attributed') }}
    qualify row_number() over (
        partition by event_key
        order by known_from desc, known_until desc nulls first, event_version_id desc
    ) = 1
),

first_received as (select * from {{ ref('int_events__first_received') }}),

paired as (select * from {{ ref('int_halves__paired') }}),

repeated as (select * from {{ ref('int_events__repeated') }}),

quarantined as (select * from {{ ref('stg_metering__quarantined_records') }}),

later as (select * from {{ ref('stg_metering__later_records') }}),

with_fate as (
    select
        first_received.segment_id,
        first_received.segment_position,
        case when attributed.status = 'billable' then 'billable' else 'unattributed' end as fate,
        nullif(attributed.status, 'billable') as reason
    from attributed
    inner join first_received on attributed.event_key = first_received.event_key
    union all
    select
        paired.response_segment_id as segment_id,
        paired.response_segment_position as segment_position,
        'joined' as fate,
        null::string as reason
    from paired
    semi join first_received
        on
            paired.request_segment_id = first_received.segment_id
            and paired.request_segment_position = first_received.segment_position
    union all
    select
        segment_id,
        segment_position,
        case when is_conflict then 'conflict' else 'duplicate' end as fate,
        null::string as reason
    from repeated
    union all
    select
        segment_id,
        segment_position,
        'quarantined' as fate,
        reason
    from quarantined
    union all
    select
        segment_id,
        segment_position,
        'not_yet_known' as fate,
        null::string as reason
    from later
)

select * from with_fate
