{#
    One row per instant at which what is known of an event's owner may have changed, and subscription
    that is claimed then by the first identifier that is known: whether it is live for the event and
    its product takes the source. Where none is claimed any more, or yet, the instant stands without a
    subscription. Most events have one such instant, when they became known.
#}
with

events as (select * from {{ ref('int_events__versions') }}),

claimed as (select * from {{ ref('int_subscriptions__claimed') }}),

opened as (select * from {{ ref('int_subscriptions__opened') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

periods as (
    select * from {{ ref('int_periods__closed') }}
    where not is_rest
),

product_sources as (select * from {{ ref('stg_catalog__product_sources') }}),

placed as (
    select
        claimed.*,
        events.source_id,
        events.occurred_at,
        events.product_name,
        events.known_from as event_known_from,
        events.known_until as event_known_until,
        opened.opened_known_at,
        opened.subscription_id is null
        or (
            opened.has_setup_invoice
            and events.occurred_at >= opened.started_at
            and events.occurred_at < opened.live_from
        ) as is_unpaid,
        periods.period_ordinal,
        periods.terms_id,
        periods.product_name as period_product_name
    from claimed
    inner join events on claimed.event_version_id = events.event_version_id
    left outer join opened on claimed.subscription_id = opened.subscription_id
    left outer join periods
        on
            claimed.subscription_id = periods.subscription_id
            and events.occurred_at >= periods.period_started_at
            and events.occurred_at < periods.full_ended_at
),

closed_to as (
    select distinct
        placed.event_version_id,
        placed.subscription_id,
        ended.known_from,
        ended.known_until
    from placed
    inner join ended
        on
            placed.subscription_id = ended.subscription_id
            and placed.occurred_at >= ended.ended_at
),

changes as (
    select
        event_version_id,
        claimed_from as known_from
    from placed
    union all
    select
        event_version_id,
        claimed_until as known_from
    from placed
    union all
    select
        event_version_id,
        opened_known_at as known_from
    from placed
    union all
    select
        event_version_id,
        known_from
    from closed_to
    union all
    select
        event_version_id,
        known_until as known_from
    from closed_to
),

instants as (
    select
        event_version_id,
        known_from
    from events
    union distinct
    select
        changes.event_version_id,
        changes.known_from
    from changes
    inner join events
        on
            changes.event_version_id = events.event_version_id
            and changes.known_from > events.known_from
            and (events.known_until is null or changes.known_from < events.known_until)
),

known as (
    select
        instants.event_version_id,
        instants.known_from,
        placed.subscription_id,
        placed.precedence,
        placed.period_ordinal,
        placed.is_mapped
        and placed.period_ordinal is not null
        and placed.opened_known_at <= instants.known_from as is_open,
        placed.is_unpaid
        or coalesce(placed.opened_known_at > instants.known_from, false) as is_pending,
        placed.terms_id,
        placed.source_id,
        coalesce(placed.product_name = placed.period_product_name, false) as is_product_named
    from instants
    left outer join placed
        on
            instants.event_version_id = placed.event_version_id
            and instants.known_from >= placed.claimed_from
            and (placed.claimed_until is null or instants.known_from < placed.claimed_until)
),

first_known as (
    select * from known
    qualify rank() over (partition by event_version_id, known_from order by precedence) = 1
),

closed as (
    select distinct
        first_known.event_version_id,
        first_known.known_from,
        first_known.subscription_id
    from first_known
    inner join closed_to
        on
            first_known.event_version_id = closed_to.event_version_id
            and first_known.subscription_id = closed_to.subscription_id
            and first_known.known_from >= closed_to.known_from
            and (closed_to.known_until is null or first_known.known_from < closed_to.known_until)
),

judged as (
    select
        first_known.event_version_id,
        first_known.known_from,
        first_known.subscription_id,
        max(first_known.period_ordinal) as period_ordinal,
        coalesce(bool_or(first_known.is_open and closed.subscription_id is null), false) as is_live,
        coalesce(bool_or(first_known.is_pending), false) as is_pending,
        bool_or(product_sources.source_id is not null) as has_source,
        bool_or(first_known.is_product_named) as is_product_named
    from first_known
    left outer join closed
        on
            first_known.event_version_id = closed.event_version_id
            and first_known.known_from = closed.known_from
            and first_known.subscription_id = closed.subscription_id
    left outer join product_sources
        on
            first_known.terms_id = product_sources.terms_id
            and first_known.source_id = product_sources.source_id
    group by
        first_known.event_version_id, first_known.known_from, first_known.subscription_id
)

select * from judged
