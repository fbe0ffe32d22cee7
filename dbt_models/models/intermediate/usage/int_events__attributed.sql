{#
    One row per content of an event and span of knowledge in which it belonged to the same
    subscription and period, or to none for the same reason. The span ends where a fact that became
    known later says otherwise (R2).
#}
with

events as (select * from {{ ref('int_events__versions') }}),

judged as (select * from {{ ref('int_subscriptions__judged') }}),

identified as (select distinct event_version_id from {{ ref('int_subscribers__identified') }}),

product_names as (
    select distinct product_name from {{ ref('stg_catalog__products') }}
),

counted as (
    select
        event_version_id,
        known_from,
        count(subscription_id) as claim_count,
        count(*) filter (where is_live) as live_count,
        count(*) filter (where is_live and has_source) as usable_count,
        count(*) filter (where is_live and has_source and is_product_named) as named_count,
        bool_or(is_pending) as is_pending
    from judged
    group by event_version_id, known_from
),

chosen as (
    select
        judged.event_version_id,
        judged.known_from,
        judged.subscription_id,
        judged.period_ordinal
    from judged
    inner join counted
        on
            judged.event_version_id = counted.event_version_id
            and judged.known_from = counted.known_from
    where
        judged.is_live
        and judged.has_source
        and (
            counted.usable_count = 1
            or (counted.named_count = 1 and judged.is_product_named)
        )
),

told as (
    select
        counted.event_version_id,
        counted.known_from,
        events.event_key,
        events.source_id,
        events.event_id,
        events.occurred_at,
        events.known_until as event_known_until,
        chosen.subscription_id,
        chosen.period_ordinal,
        case
            when events.is_half then 'half_missing'
            when chosen.event_version_id is not null and events.is_billing_skipped
                then 'billing_skipped'
            when chosen.event_version_id is not null then 'billable'
            when counted.usable_count > 1 then 'ambiguous'
            when counted.live_count > 0 then 'source_not_in_product'
            when counted.is_pending then 'pending_payment'
            when counted.claim_count > 0 then 'no_live_subscription'
            when identified.event_version_id is null then 'no_subscriber'
            when product_names.product_name is null then 'no_product'
            else 'no_live_subscription'
        end as status
    from counted
    inner join events on counted.event_version_id = events.event_version_id
    left outer join chosen
        on
            counted.event_version_id = chosen.event_version_id
            and counted.known_from = chosen.known_from
    left outer join identified on events.event_version_id = identified.event_version_id
    left outer join product_names on events.product_name = product_names.product_name
),

compared as (
    select
        *,
        coalesce(
            subscription_id is not distinct from lag(subscription_id) over by_time
            and period_ordinal is not distinct from lag(period_ordinal) over by_time
            and status = lag(status) over by_time,
            false
        ) as is_same
    from told
    window by_time as (partition by event_version_id order by known_from)
),

attributed as (
    select
        event_version_id,
        event_key,
        source_id,
        event_id,
        occurred_at,
        subscription_id,
        period_ordinal,
        status,
        known_from,
        coalesce(
            lead(known_from) over (partition by event_version_id order by known_from),
            event_known_until
        ) as known_until
    from compared
    where not is_same
)

select * from attributed
