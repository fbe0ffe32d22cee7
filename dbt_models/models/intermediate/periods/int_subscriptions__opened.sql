{#
    One row per subscription that is or will be live: from when, since when that is known, and the
    grid of its periods. An immediate setup fee has to be paid first, or waived: the subscription is
    live from then on, and its trial and anchor start there (R46). A change of plan at the period's end
    begins with a boundary of the subscription that it replaces (R44).
#}
with

licensed as (select * from {{ ref('int_subscriptions__licensed') }}),

answered as (select * from {{ ref('int_setups__answered') }}),

paid as (
    select
        licensed.*,
        case
            when licensed.has_setup_invoice then greatest(licensed.started_at, answered.paid_at)
            else licensed.started_at
        end as paid_start_at,
        case
            when licensed.has_setup_invoice then greatest(licensed.recorded_at, answered.known_at)
            else licensed.recorded_at
        end as opened_known_at
    from licensed
    left outer join answered
        on
            licensed.has_setup_invoice
            and licensed.subscription_id = answered.subscription_id
    where not licensed.has_setup_invoice or answered.paid_at is not null
),

anchored as (
    select
        *,
        {{ trial_end('paid_start_at') }} as anchor_at
    from paid
),

based as (
    select
        *,
        {{ period_base('anchor_at') }} as base_local
    from anchored
),

asked as (
    select
        replaced.*,
        successor.subscription_id as successor_id,
        successor.started_at as asked_at
    from based as successor
    inner join based as replaced
        on successor.replaces_subscription_id = replaced.subscription_id
    where successor.change = 'period_end'
),

stepped as (
    select
        *,
        {{ steps_before('asked_at') }} as steps
    from asked
),

boundaries as (
    select
        stepped.*,
        {{ period_boundary('(stepped.steps + ordinals.ordinal)') }} as boundary_at
    from stepped
    cross join lateral {{ ordinals_below(4) }} as ordinals
    where stepped.steps + ordinals.ordinal >= 1
),

deferred as (
    select
        successor_id,
        case
            when min(asked_at) < min(anchor_at) then min(anchor_at)
            else min(boundary_at) filter (where boundary_at >= asked_at)
        end as boundary_at
    from boundaries
    group by successor_id
),

placed as (
    select
        based.* {{ without(['anchor_at', 'base_local']) }},
        coalesce(deferred.boundary_at, based.paid_start_at) as live_from,
        coalesce(deferred.boundary_at, based.anchor_at) as anchor_at
    from based
    left outer join deferred on based.subscription_id = deferred.successor_id
),

opened as (
    select
        *,
        {{ period_base('anchor_at') }} as base_local
    from placed
)

select * from opened
