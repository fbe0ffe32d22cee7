{{ config(materialized='view') }}
{#
    One row per billable event and what it is measured for: each pricing metric, and each
    distinct-element fee, of the terms of its period. An element counts once it is attached to the
    source; a number that can't be read adds nothing (R16).
#}
with

events as (select * from {{ ref('int_events__first_received') }}),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where status = 'billable'
),

periods as (select * from {{ ref('int_periods__closed') }}),

metrics as (select * from {{ ref('stg_catalog__metrics') }}),

fees as (select * from {{ ref('stg_catalog__element_fees') }}),

costed as (select * from {{ ref('int_events__costed') }}),

attachments as (select * from {{ ref('stg_catalog__element_attachments') }}),

built_in_elements as (select * from {{ ref('built_in_elements') }}),

of_metrics as (
    select
        attributed.event_key,
        attributed.subscription_id,
        attributed.period_ordinal,
        'usage' as kind,
        metrics.metric_key,
        metrics.element,
        null::string as match_value,
        null::string as element_value,
        case
            when metrics.is_cost then costed.cost_amount
            when metrics.element = 'transactions' then 1.000000000000
            when metrics.aggregation = 'count'
                then
                    case when events.elements[metrics.element] is not null then 1.000000000000 end
            else events.element_numbers[metrics.element]::decimal(25, 12)
        end::decimal(25, 12) as quantity,
        greatest(
            attributed.known_at,
            case when metrics.is_cost then costed.cost_known_at end,
            attachments.recorded_at
        ) as known_at
    from attributed
    inner join events on attributed.event_key = events.event_key
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    inner join metrics on periods.terms_id = metrics.terms_id
    left outer join costed on attributed.event_key = costed.event_key
    left outer join built_in_elements on metrics.element = built_in_elements.element
    left outer join attachments
        on metrics.element = attachments.element and attributed.source_id = attachments.source_id
    where built_in_elements.element is not null or attachments.element is not null
),

of_fees as (
    select
        attributed.event_key,
        attributed.subscription_id,
        attributed.period_ordinal,
        'element_fee' as kind,
        null::string as metric_key,
        fees.element,
        {{ ascii_lower(trimmed('events.elements[fees.element]')) }} as match_value,
        {{ trimmed('events.elements[fees.element]') }} as element_value,
        1.000000000000::decimal(25, 12) as quantity,
        greatest(attributed.known_at, attachments.recorded_at) as known_at
    from attributed
    inner join events on attributed.event_key = events.event_key
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    inner join fees on periods.terms_id = fees.terms_id
    inner join attachments
        on fees.element = attachments.element and attributed.source_id = attachments.source_id
    where {{ trimmed('events.elements[fees.element]') }} <> ''
),

rated as (
    select * from of_metrics
    where quantity is not null
    union all
    select * from of_fees
)

select * from rated
