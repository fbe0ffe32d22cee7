{#
    One row per billable event and metric that it adds nothing to, because the metric's element is not
    there or is no number (R16). A count of an element that is not there is no error, and a cost that
    is not known is reported with its model.
#}
with

events as (select * from {{ ref('int_events__versions') }}),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where status = 'billable' and known_until is null
),

periods as (select * from {{ ref('int_periods__closed') }}),

metrics as (
    select * from {{ ref('stg_catalog__metrics') }}
    where aggregation in ('sum', 'average', 'maximum') and not is_cost
),

attachments as (select * from {{ ref('stg_catalog__element_attachments') }}),

built_in_elements as (select * from {{ ref('built_in_elements') }}),

unread as (
    select
        attributed.event_key,
        attributed.source_id,
        periods.product_name,
        metrics.metric_key,
        metrics.metric_name,
        metrics.element,
        events.elements[metrics.element] is not null as is_there
    from attributed
    inner join events on attributed.event_version_id = events.event_version_id
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    inner join metrics on periods.terms_id = metrics.terms_id
    left outer join built_in_elements on metrics.element = built_in_elements.element
    left outer join attachments
        on metrics.element = attachments.element and attributed.source_id = attachments.source_id
    where
        events.element_numbers[metrics.element] is null
        and (built_in_elements.element is not null or attachments.element is not null)
)

select * from unread
