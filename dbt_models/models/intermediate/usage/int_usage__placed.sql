{#
    One row per rated event with the closing that first bills it, and the one that takes it back: that
    of its own period if it was known by the cut-off, else the next one that it was known for. Null:
    no closing of the look-back is left, which is reported, not billed. What was known no later than
    the subscription itself is in time (R27); what occurred after an end that cut the period is not.
#}
with

rated as (select * from {{ ref('int_usage__rated') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

placed as (
    select
        rated.*,
        periods.cut_off_at,
        periods.opened_known_at,
        {{ look_back_end('periods.full_ended_at', 'periods.billing_zone') }} as look_back_ended_at,
        rated.occurred_at < periods.period_ended_at
        and (rated.known_from < periods.cut_off_at or rated.known_from <= periods.opened_known_at)
            as is_in_time
    from rated
    inner join periods
        on
            rated.subscription_id = periods.subscription_id
            and rated.period_ordinal = periods.period_ordinal
),

late_instants as (
    select
        subscription_id,
        period_ordinal,
        look_back_ended_at,
        known_from as known_at
    from placed
    where not is_in_time
    union distinct
    select
        subscription_id,
        period_ordinal,
        look_back_ended_at,
        known_until as known_at
    from placed
    where known_until >= cut_off_at and known_until > opened_known_at
),

late_closings as (
    select
        late.subscription_id,
        late.period_ordinal,
        late.known_at,
        min(later.period_ordinal) as closing_ordinal
    from late_instants as late
    inner join periods as later
        on
            late.subscription_id = later.subscription_id
            and late.period_ordinal < later.period_ordinal
            and late.known_at < later.cut_off_at
            and late.look_back_ended_at >= later.period_ended_at
    group by late.subscription_id, late.period_ordinal, late.known_at
),

closed as (
    select
        placed.* {{ without([
            'cut_off_at',
            'opened_known_at',
            'look_back_ended_at',
            'is_in_time',
        ]) }},
        case when placed.is_in_time then placed.period_ordinal else billed.closing_ordinal end
            as closing_ordinal,
        case
            when
                placed.known_until is null
                or (
                    placed.known_until >= placed.cut_off_at
                    and placed.known_until > placed.opened_known_at
                )
                then removed.closing_ordinal
            else placed.period_ordinal
        end as removed_ordinal
    from placed
    left outer join late_closings as billed
        on
            not placed.is_in_time
            and placed.subscription_id = billed.subscription_id
            and placed.period_ordinal = billed.period_ordinal
            and placed.known_from = billed.known_at
    left outer join late_closings as removed
        on
            placed.subscription_id = removed.subscription_id
            and placed.period_ordinal = removed.period_ordinal
            and placed.known_until = removed.known_at
),

ever_billed as (
    select * from closed
    where closing_ordinal is null or removed_ordinal is null or closing_ordinal < removed_ordinal
)

select * from ever_billed
