{#
    One row per boundary to boundary of a subscription that has begun, and the next one, which charges
    in advance are made for; a trial is ordinal 0. Boundaries go on after an end; those of a test
    once (R30).
#}
with

subscriptions as (
    select
        *,
        {{ steps_before(as_of()) }} + 4 as step_count
    from {{ ref('int_subscriptions__opened') }}
    where live_from <= {{ as_of() }}
),

numbered as (
    select
        subscriptions.*,
        (ordinals.ordinal + 1)::int as grid_ordinal
    from subscriptions
    cross join lateral {{ ordinals_below('subscriptions.step_count') }} as ordinals
),

bounded as (
    select
        *,
        case
            when grid_ordinal = 1 then anchor_at
            else {{ period_boundary('(grid_ordinal - 1)') }}
        end as period_started_at,
        {{ period_boundary('(grid_ordinal - 1)') }} as full_started_at,
        {{ period_boundary('grid_ordinal') }} as period_ended_at
    from numbered
),

trials as (
    select
        *,
        0 as grid_ordinal,
        live_from as period_started_at,
        live_from as full_started_at,
        anchor_at as period_ended_at
    from subscriptions
    where anchor_at > live_from
),

unioned as (
    select * from bounded
    union all
    select * from trials
),

generated as (
    select
        unioned.*,
        unioned.period_started_at <= {{ as_of() }} as is_begun
    from unioned
    where
        unioned.step_minutes = 0
        or unioned.period_started_at <= unioned.live_from + interval '1' hour
    qualify
        coalesce(
            lag(unioned.period_started_at) over (
                partition by unioned.subscription_id order by unioned.grid_ordinal
            ) <= {{ as_of() }},
            true
        )
)

select * from generated
