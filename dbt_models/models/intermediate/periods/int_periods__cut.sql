{#
    One row per settlement period, or two where an end inside it cuts it: known before the period
    closes, it closes the first part at once, and the rest adjusts only, also where the end is taken
    back and the period goes on. An end that becomes known later leaves the period whole; what it takes
    away is adjusted (R27).
#}
with

periods as (select * from {{ ref('int_periods__termed') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

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
            and {{ known_at('ended', 'cuts') }}
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
        first_cuts.cut_off_at as part_cut_off_at
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
        ]) }},
        false as is_rest,
        cut_at is not null as is_cut,
        period_ended_at as full_ended_at,
        cut_off_at as full_cut_off_at,
        period_started_at,
        coalesce(cut_at, period_ended_at) as period_ended_at,
        case when cut_at is null then cut_off_at else part_cut_off_at end as cut_off_at
    from parts
    union all
    select
        * {{ without([
            'period_started_at',
            'period_ended_at',
            'cut_off_at',
            'part_cut_off_at',
            'cut_at',
            'period_ordinal',
        ]) }},
        period_ordinal + 1 as period_ordinal,
        true as is_rest,
        false as is_cut,
        period_ended_at as full_ended_at,
        cut_off_at as full_cut_off_at,
        cut_at as period_started_at,
        period_ended_at,
        cut_off_at
    from parts
    where cut_at is not null
)

select * from bounded
