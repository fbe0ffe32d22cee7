{#
    One row per subscription of a product with a setup fee per client, and when its fee is due: at once,
    or when its first period closes, be it earlier because an end cuts it. An end cuts only what it is
    known before, so that whoever asks later finds the same.
#}
with

agreed as (select * from {{ ref('int_subscriptions__agreed') }}),

cancellations as (select * from {{ ref('stg_catalog__cancellations') }}),

versions as (select * from {{ ref('stg_catalog__subscription_versions') }}),

anchored as (
    select
        *,
        {{ trial_end('started_at') }} as anchor_at
    from agreed
    where setup_fee_paid_per = 'client'
),

based as (
    select
        *,
        {{ period_base('anchor_at') }} as base_local
    from anchored
),

bounded as (
    select
        *,
        {{ period_boundary('1') }} as boundary_at
    from based
),

ended as (
    select
        agreed.subscription_id,
        cancellations.cancelled_at as ended_at,
        cancellations.recorded_at as known_from,
        cancellations.withdrawn_at as known_until
    from cancellations
    inner join agreed on cancellations.subscription_id = agreed.subscription_id
    where agreed.is_immediate_cancellation
    union all
    select
        subscription_id,
        expires_at as ended_at,
        version_recorded_at as known_from,
        superseded_at as known_until
    from versions
    where expires_at is not null
    union all
    select
        replaces_subscription_id as subscription_id,
        started_at as ended_at,
        recorded_at as known_from,
        {{ null_of('timestamp') }} as known_until
    from agreed
    where change = 'now'
),

cut as (
    select
        bounded.subscription_id,
        ended.known_from,
        ended.known_until,
        greatest(
            ended.ended_at + bounded.grace_seconds * interval '1' second,
            ended.known_from,
            bounded.recorded_at
        ) as cut_off_at
    from bounded
    inner join ended
        on
            bounded.subscription_id = ended.subscription_id
            and bounded.anchor_at < ended.ended_at
            and bounded.boundary_at > ended.ended_at
),

first_cuts as (
    select
        subscription_id,
        min(cut_off_at) as cut_off_at
    from cut
    where known_until is null or (cut_off_at <= known_until and known_from < known_until)
    group by subscription_id
),

due as (
    select
        bounded.*,
        case bounded.setup_fee_bill
            when 'immediate' then bounded.recorded_at
            else
                least(
                    greatest(
                        bounded.boundary_at + bounded.grace_seconds * interval '1' second,
                        bounded.recorded_at
                    ),
                    first_cuts.cut_off_at
                )
        end as due_at
    from bounded
    left outer join first_cuts on bounded.subscription_id = first_cuts.subscription_id
)

select * from due
