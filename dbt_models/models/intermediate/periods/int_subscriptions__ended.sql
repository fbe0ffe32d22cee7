{#
    One row per end of a subscription that was known at some time, from known_from until known_until:
    its expiration, a cancellation, the change to another subscription, the hour of a test. Of those
    known at an instant the earliest counts. A cancellation without the right to immediate
    cancellation takes effect at the first boundary at or after it, inside a trial at the trial's end.
    Cancelled before it began, it never is live.
#}
with

opened as (select * from {{ ref('int_subscriptions__opened') }}),

versions as (select * from {{ ref('stg_catalog__subscription_versions') }}),

cancellations as (select * from {{ ref('stg_catalog__cancellations') }}),

asked as (
    select
        opened.*,
        cancellations.cancelled_at,
        cancellations.recorded_at as known_from,
        cancellations.withdrawn_at as known_until
    from cancellations
    inner join opened on cancellations.subscription_id = opened.subscription_id
),

stepped as (
    select
        *,
        {{ steps_before('cancelled_at') }} as steps
    from asked
    where not is_immediate_cancellation and cancelled_at >= anchor_at
),

boundaries as (
    select
        stepped.subscription_id,
        stepped.cancelled_at,
        stepped.known_from,
        stepped.known_until,
        {{ period_boundary('(stepped.steps + ordinals.ordinal)') }} as boundary_at
    from stepped
    cross join lateral {{ ordinals_below(4) }} as ordinals
    where stepped.steps + ordinals.ordinal >= 1
),

cancelled as (
    select
        subscription_id,
        'cancelled' as cause,
        case
            when is_immediate_cancellation or cancelled_at < live_from then cancelled_at
            else anchor_at
        end as ended_at,
        is_immediate_cancellation as is_prorated,
        known_from,
        known_until
    from asked
    where is_immediate_cancellation or cancelled_at < anchor_at
    union all
    select
        subscription_id,
        'cancelled' as cause,
        min(boundary_at) as ended_at,
        false as is_prorated,
        known_from,
        known_until
    from boundaries
    where boundary_at >= cancelled_at
    group by subscription_id, cancelled_at, known_from, known_until
),

expired as (
    select
        versions.subscription_id,
        'expired' as cause,
        versions.expires_at as ended_at,
        opened.is_immediate_cancellation as is_prorated,
        versions.version_recorded_at as known_from,
        versions.superseded_at as known_until
    from versions
    inner join opened on versions.subscription_id = opened.subscription_id
    where versions.expires_at is not null
),

replaced as (
    select
        successor.replaces_subscription_id as subscription_id,
        'replaced' as cause,
        successor.live_from as ended_at,
        successor.change = 'now' as is_prorated,
        successor.recorded_at as known_from,
        {{ null_of('timestamp') }} as known_until
    from opened as successor
    where successor.replaces_subscription_id is not null
),

tested as (
    select
        subscription_id,
        'tested' as cause,
        live_from + interval '1' hour as ended_at,
        false as is_prorated,
        recorded_at as known_from,
        {{ null_of('timestamp') }} as known_until
    from opened
    where step_minutes > 0
),

ended as (
    select * from cancelled
    union all
    select * from expired
    union all
    select * from replaced
    union all
    select * from tested
)

select * from ended
