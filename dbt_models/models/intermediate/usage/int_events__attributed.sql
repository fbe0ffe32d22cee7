{# One row per event: the subscription that it is metered for, or the reason why there is none. #}
with

events as (select * from {{ ref('int_events__first_received') }}),

claimed as (select * from {{ ref('int_subscriptions__claimed') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

product_sources as (select * from {{ ref('stg_catalog__product_sources') }}),

identified as (select distinct event_key from {{ ref('int_subscribers__identified') }}),

product_names as (
    select distinct product_name from {{ ref('stg_catalog__products') }}
),

judged as (
    select
        claimed.event_key,
        claimed.subscription_id,
        periods.period_ordinal,
        greatest(events.known_at, claimed.recorded_at) as known_at,
        coalesce(
            claimed.is_mapped
            and periods.is_live
            and (
                periods.subscription_ended_at is null
                or events.occurred_at < periods.subscription_ended_at
            ),
            false
        ) as is_live,
        product_sources.source_id is not null as has_source,
        coalesce(events.product_name = periods.product_name, false) as is_product_named
    from claimed
    inner join events on claimed.event_key = events.event_key
    left outer join periods
        on
            claimed.subscription_id = periods.subscription_id
            and events.occurred_at >= periods.period_started_at
            and events.occurred_at < periods.period_ended_at
    left outer join product_sources
        on
            periods.terms_id = product_sources.terms_id
            and events.source_id = product_sources.source_id
),

counted as (
    select
        event_key,
        count(*) filter (where is_live) as live_count,
        count(*) filter (where is_live and has_source) as usable_count,
        count(*) filter (where is_live and has_source and is_product_named) as named_count
    from judged
    group by event_key
),

chosen as (
    select judged.*
    from judged
    inner join counted on judged.event_key = counted.event_key
    where
        judged.is_live
        and judged.has_source
        and (
            counted.usable_count = 1
            or (counted.named_count = 1 and judged.is_product_named)
        )
),

attributed as (
    select
        events.event_key,
        events.source_id,
        events.occurred_at,
        chosen.subscription_id,
        chosen.period_ordinal,
        coalesce(chosen.known_at, events.known_at) as known_at,
        case
            when chosen.event_key is not null and events.is_billing_skipped then 'billing_skipped'
            when chosen.event_key is not null then 'billable'
            when counted.usable_count > 1 then 'ambiguous'
            when counted.live_count > 0 then 'source_not_in_product'
            when counted.event_key is not null then 'no_live_subscription'
            when identified.event_key is null then 'no_subscriber'
            when product_names.product_name is null then 'no_product'
            else 'no_live_subscription'
        end as status
    from events
    left outer join chosen on events.event_key = chosen.event_key
    left outer join counted on events.event_key = counted.event_key
    left outer join identified on events.event_key = identified.event_key
    left outer join product_names on events.product_name = product_names.product_name
)

select * from attributed
