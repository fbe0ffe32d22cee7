{#
    One row per settlement period with the instant at which it closes: its end plus grace, or when the
    subscription became known, if that is later (R27). An end inside a period, known before the period
    closes, cuts it: the first part closes at once, the rest adjusts only, also where the end is taken
    back and the period goes on. An end that becomes known later leaves the period whole; what it takes
    away is adjusted. After an end the
    would-be boundaries close late usage for the look-back (R28), and what was paid ahead; beyond it
    only the next one after an invoice is known to be void that has to be billed again (R51).
#}
with

periods as (select * from {{ ref('int_periods__termed') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

voids as (
    select
        regexp_replace(invoice_id, '-[^-]*$', '') as subscription_id,
        known_at
    from {{ ref('stg_metering__facts') }}
    where fact = 'void' and mode = 'reissue'
),

cuts as (
    select
        periods.subscription_id,
        periods.grid_ordinal,
        ended.ended_at,
        greatest(
            ended.ended_at + periods.grace_seconds * interval '1' second,
            ended.known_from,
            periods.opened_known_at
        ) as cut_off_at,
        periods.cut_off_at as whole_cut_off_at,
        ended.known_from <= periods.opened_known_at as is_known_from_the_start,
        ended.known_from,
        ended.known_until,
        periods.opened_known_at
    from periods
    inner join ended
        on
            periods.subscription_id = ended.subscription_id
            and periods.grid_ordinal > 0
            and periods.period_started_at < ended.ended_at
            and periods.period_ended_at > ended.ended_at
),

effective_cuts as (
    select cuts.*
    from cuts
    anti join ended
        on
            cuts.subscription_id = ended.subscription_id
            and cuts.ended_at > ended.ended_at
            and (
                cuts.cut_off_at > ended.known_from
                or cuts.opened_known_at >= ended.known_from
            )
            and (ended.known_until is null or cuts.cut_off_at <= ended.known_until)
    where
        (cuts.cut_off_at < cuts.whole_cut_off_at or cuts.is_known_from_the_start)
        and (
            cuts.known_until is null
            or (cuts.known_until >= cuts.cut_off_at and cuts.known_until > cuts.known_from)
        )
),

first_cuts as (
    select * from effective_cuts
    qualify row_number() over (
        partition by subscription_id, grid_ordinal
        order by
            cut_off_at asc,
            known_from < cut_off_at or known_from <= opened_known_at desc,
            ended_at asc,
            known_until asc nulls last
    ) = 1
),

parts as (
    select
        periods.*,
        (
            periods.grid_ordinal + count(first_cuts.grid_ordinal) over (
                partition by periods.subscription_id
                order by periods.grid_ordinal
                rows between unbounded preceding and 1 preceding
            )
        )::int as period_ordinal,
        first_cuts.ended_at as cut_at,
        first_cuts.cut_off_at as part_cut_off_at,
        first_cuts.known_from as cut_known_at
    from periods
    left outer join first_cuts
        on
            periods.subscription_id = first_cuts.subscription_id
            and periods.grid_ordinal = first_cuts.grid_ordinal
),

bounded as (
    select
        * {{ without([
            'period_started_at',
            'period_ended_at',
            'cut_off_at',
            'part_cut_off_at',
            'cut_at',
            'cut_known_at',
        ]) }},
        false as is_rest,
        cut_at is not null as is_cut,
        period_ended_at as full_ended_at,
        period_started_at,
        coalesce(cut_at, period_ended_at) as period_ended_at,
        case when cut_at is null then cut_off_at else part_cut_off_at end as cut_off_at,
        case
            when cut_at is null then greatest(period_ended_at, opened_known_at)
            else greatest(cut_at, cut_known_at, opened_known_at)
        end as settled_at
    from parts
    union all
    select
        * {{ without([
            'period_started_at',
            'period_ended_at',
            'cut_off_at',
            'part_cut_off_at',
            'cut_at',
            'cut_known_at',
            'period_ordinal',
        ]) }},
        period_ordinal + 1 as period_ordinal,
        true as is_rest,
        false as is_cut,
        period_ended_at as full_ended_at,
        cut_at as period_started_at,
        period_ended_at,
        cut_off_at,
        greatest(period_ended_at, opened_known_at) as settled_at
    from parts
    where cut_at is not null
),

known_ends as (
    select
        bounded.subscription_id,
        bounded.period_ordinal,
        min(ended.ended_at) as ended_at
    from bounded
    inner join ended
        on
            bounded.subscription_id = ended.subscription_id
            and (
                bounded.cut_off_at > ended.known_from
                or bounded.opened_known_at >= ended.known_from
            )
            and (ended.known_until is null or bounded.cut_off_at <= ended.known_until)
    group by bounded.subscription_id, bounded.period_ordinal
),

lived as (
    select
        bounded.*,
        bounded.grid_ordinal = 0 and not bounded.is_rest as is_trial,
        not bounded.is_rest
        and coalesce(known_ends.ended_at > bounded.period_started_at, true) as is_live,
        bounded.cut_off_at <= {{ as_of() }} as is_closed
    from bounded
    left outer join known_ends
        on
            bounded.subscription_id = known_ends.subscription_id
            and bounded.period_ordinal = known_ends.period_ordinal
),

last_boundaries as (
    select
        ended.subscription_id,
        ended.ended_at,
        ended.known_from,
        ended.known_until,
        min(periods.period_ended_at) as boundary_at
    from ended
    inner join periods
        on
            ended.subscription_id = periods.subscription_id
            and ended.ended_at <= periods.period_ended_at
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
