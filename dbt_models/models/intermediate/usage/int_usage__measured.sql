{#
    One row per span in which an event was billable and pricing metric of its terms: what it adds to
    the metric, or null where that is not known. An element counts once it is attached to the source;
    a number that can't be read is no value (R16). A rule that replaces takes the event out (R40).
#}
{{ config(materialized='view') }}

with

metered as (
    select * from {{ ref('int_events__billable') }}
    where mode is null or mode = 'add'
),

metrics as (select * from {{ ref('stg_catalog__metrics') }}),

filtered as (select * from {{ ref('int_metrics__filtered') }}),

exchanged as (select * from {{ ref('int_costs__exchanged') }}),

attachments as (select * from {{ ref('stg_catalog__element_attachments') }}),

built_in_elements as (select * from {{ ref('built_in_elements') }}),

number_elements as (
    select element from {{ ref('stg_catalog__metering_elements') }}
    where element_type = 'number'
    union distinct
    select element from {{ ref('built_in_elements') }}
),

worded as (
    select
        metered.*,
        metrics.metric_key,
        metrics.element,
        metrics.aggregation,
        metrics.match_value as wanted_value,
        metrics.is_cost,
        metered.element_numbers[metrics.element] as number_value,
        case
            when
                number_elements.element is null
                or metered.element_numbers[metrics.element] is not null
                then metered.elements[metrics.element]
        end as text_value,
        attachments.recorded_at as attached_at
    from metered
    inner join metrics on metered.terms_id = metrics.terms_id
    left outer join number_elements on metrics.element = number_elements.element
    left outer join built_in_elements on metrics.element = built_in_elements.element
    left outer join attachments
        on metrics.element = attachments.element and metered.source_id = attachments.source_id
    left outer join filtered
        on
            metrics.terms_id = filtered.terms_id
            and metrics.metric_key = filtered.metric_key
            and metered.event_version_id = filtered.event_version_id
    where
        (built_in_elements.element is not null or attachments.element is not null)
        and coalesce(filtered.is_passed, true)
),

measured as (
    select
        worded.*,
        case
            when worded.is_cost then exchanged.cost_amount
            when worded.element = 'transactions' then 1.000000000000
            when worded.aggregation in ('count', 'count_unique')
                then case when worded.text_value is not null then 1.000000000000 end
            when worded.aggregation = 'match_value'
                then
                    case
                        when {{ ascii_lower(trimmed('worded.text_value')) }} = worded.wanted_value
                            then 1.000000000000
                    end
            else worded.number_value::decimal(25, 12)
        end::decimal(25, 12) as quantity,
        greatest(
            worded.known_from,
            case when worded.is_cost then exchanged.cost_known_at end,
            worded.attached_at
        ) as counted_from
    from worded
    left outer join exchanged
        on
            worded.is_cost
            and worded.event_version_id = exchanged.event_version_id
            and worded.terms_id = exchanged.terms_id
)

select * from measured
