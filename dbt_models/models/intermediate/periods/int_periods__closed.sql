{#
    One row per settlement period with the instant at which it closes: its end plus grace, or when the
    subscription became known, if that is later (R27). After an end the would-be boundaries close late
    usage for the look-back (R28), and what was paid ahead; beyond it only the next one after an invoice
    is known to be void that has to be billed again (R51).
#}
with

periods as (select * from {{ ref('int_periods__cut') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

voids as (
    select
        regexp_replace(invoice_id, '-[^-]*$', '') as subscription_id,
        known_at
    from {{ ref('stg_metering__facts') }}
    where fact = 'void' and mode = 'reissue'
),

known_ends as (
    select
        periods.subscription_id,
        periods.period_ordinal,
        min(ended.ended_at) as ended_at
    from periods
    inner join ended
        on
            periods.subscription_id = ended.subscription_id
            and {{ known_at('ended', 'periods') }}
    group by periods.subscription_id, periods.period_ordinal
),

lived as (
    select
        periods.*,
        periods.grid_ordinal = 0 and not periods.is_rest as is_trial,
        not periods.is_rest
        and coalesce(known_ends.ended_at > periods.period_started_at, true) as is_live,
        periods.cut_off_at <= {{ as_of() }} as is_closed
    from periods
    left outer join known_ends
        on
            periods.subscription_id = known_ends.subscription_id
            and periods.period_ordinal = known_ends.period_ordinal
),

last_boundaries as (
    select
        ended.subscription_id,
        ended.ended_at,
        ended.known_from,
        ended.known_until,
        min(periods.full_ended_at) as boundary_at
    from ended
    inner join periods
        on
            ended.subscription_id = periods.subscription_id
            and ended.ended_at <= periods.full_ended_at
    group by ended.subscription_id, ended.ended_at, ended.known_from, ended.known_until
),

beyond_look_back as (
    select distinct
        lived.subscription_id,
        lived.period_ordinal
    from lived
    inner join last_boundaries
        on
            lived.subscription_id = last_boundaries.subscription_id
            and lived.period_ended_at
            > {{ look_back_end('last_boundaries.boundary_at', 'lived.billing_zone') }}
            and (
                last_boundaries.known_until is null
                or lived.cut_off_at <= last_boundaries.known_until
            )
            and (
                lived.opened_known_at >= last_boundaries.known_from
                or case
                    when lived.is_paid_in_advance
                        then
                            lived.period_started_at
                            + lived.grace_seconds * interval '1' second
                    else lived.cut_off_at
                end > last_boundaries.known_from
            )
    where not lived.is_live
),

billing_again as (
    select
        lived.subscription_id,
        min(lived.period_ordinal) as period_ordinal
    from lived
    inner join voids
        on lived.subscription_id = voids.subscription_id and lived.cut_off_at > voids.known_at
    group by lived.subscription_id, voids.known_at
),

unneeded as (
    select beyond_look_back.*
    from beyond_look_back
    anti join billing_again
        on
            beyond_look_back.subscription_id = billing_again.subscription_id
            and beyond_look_back.period_ordinal = billing_again.period_ordinal
),

closed as (
    select lived.*
    from lived
    anti join unneeded
        on
            lived.subscription_id = unneeded.subscription_id
            and lived.period_ordinal = unneeded.period_ordinal
)

select * from closed
