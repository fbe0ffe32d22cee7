{#
    Boundary k is the anchor + k months in local wall time, never chained, so Jan 31 gives Feb 28 and
    then Mar 31 (R24); the first period starts at the start instant itself, whose local time may occur
    twice. After a subscription's end its boundaries go on for the look-back: they close nothing but
    late usage (R28).
#}
with

subscriptions as (select * from {{ ref('stg_catalog__subscriptions') }}),

anchored as (
    select
        *,
        {{ to_local('started_at', 'billing_zone') }} as anchor,
        {{ to_local(as_of(), 'billing_zone') }} as local_as_of
    from subscriptions
    where started_at < {{ as_of() }}
),

counted as (
    select
        *,
        ((year(local_as_of) - year(anchor)) * 12 + month(local_as_of) - month(anchor) + 2)::int
            as period_count
    from anchored
),

numbered as (
    select
        counted.*,
        (ordinals.ordinal + 1)::int as period_ordinal,
        counted.anchor + ordinals.ordinal * interval '1' month as local_started_at,
        counted.anchor + (ordinals.ordinal + 1) * interval '1' month as local_ended_at
    from counted
    cross join lateral {{ ordinals_below('counted.period_count') }} as ordinals
),

bounded as (
    select
        subscription_id,
        subscription_name,
        subscriber_key,
        organization_id,
        product_id,
        billing_zone,
        period_ordinal,
        recorded_at as subscription_recorded_at,
        ended_at as subscription_ended_at,
        case
            when period_ordinal = 1 then started_at
            else {{ to_utc('local_started_at', 'billing_zone') }}
        end as period_started_at,
        {{ to_utc('local_ended_at', 'billing_zone') }} as period_ended_at
    from numbered
),

opened as (
    select
        *,
        coalesce(period_started_at < subscription_ended_at, true) as is_live
    from bounded
    where
        period_started_at < {{ as_of() }}
        and (
            subscription_ended_at is null
            or period_started_at
            < subscription_ended_at + {{ var('look_back_months') }} * interval '1' month
        )
)

select * from opened
