{#
    One row per billable event and pricing metric that filters: whether the event has one of the
    wanted values of every element of the filter. Values compare trimmed and without regard to ASCII
    case (R17); source, provider and model are there for every event.
#}
with

filters as (select * from {{ ref('stg_catalog__metric_filters') }}),

versions as (select * from {{ ref('int_events__versions') }}),

attributed as (
    select distinct
        event_version_id,
        subscription_id,
        period_ordinal
    from {{ ref('int_events__attributed') }}
    where status = 'billable'
),

periods as (select * from {{ ref('int_periods__closed') }}),

compared as (
    select
        versions.event_version_id,
        filters.terms_id,
        filters.metric_key,
        filters.element,
        filters.match_value,
        case filters.element
            when 'source' then versions.source_id
            when 'provider' then coalesce(versions.elements['provider'], versions.provider)
            when 'model' then coalesce(versions.elements['model'], versions.model)
            else versions.elements[filters.element]
        end as element_value
    from attributed
    inner join versions on attributed.event_version_id = versions.event_version_id
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    inner join filters on periods.terms_id = filters.terms_id
),

judged as (
    select
        event_version_id,
        terms_id,
        metric_key,
        element,
        coalesce(bool_or({{ ascii_lower(trimmed('element_value')) }} = match_value), false)
            as is_passed
    from compared
    group by event_version_id, terms_id, metric_key, element
),

filtered as (
    select
        event_version_id,
        terms_id,
        metric_key,
        bool_and(is_passed) as is_passed
    from judged
    group by event_version_id, terms_id, metric_key
)

select * from filtered
