with

rated_events as (
    select * from {{ ref('fct_rated_events') }}
    where kind = 'usage' and removed_ordinal is null
),

events as (select * from {{ ref('fct_events') }}),

metric_names as (
    select distinct
        subscription_id,
        period_ordinal,
        metric_key,
        metric_name
    from {{ ref('int_usage__aggregated_to_closings') }}
),

summed as (
    select
        rated_events.subscription_id,
        rated_events.period_ordinal,
        rated_events.metric_key,
        metric_names.metric_name,
        events.credential_name,
        count(*) as event_count,
        sum(rated_events.quantity)::decimal(36, 12) as quantity
    from rated_events
    inner join events on rated_events.event_key = events.event_key
    inner join metric_names
        on
            rated_events.subscription_id = metric_names.subscription_id
            and rated_events.period_ordinal = metric_names.period_ordinal
            and rated_events.metric_key = metric_names.metric_key
    group by
        rated_events.subscription_id,
        rated_events.period_ordinal,
        rated_events.metric_key,
        metric_names.metric_name,
        events.credential_name
),

final as (
    select
        {{ surrogate_key(['subscription_id', 'period_ordinal', 'metric_key', 'credential_name']) }}
            as credential_usage_id,
        *
    from summed
)

select * from final
