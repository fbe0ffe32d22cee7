{#
    One row per recurring charge, period and closing that bills it or that knows of another end: what
    it amounts to then. In arrears it is billed at the period's closing, in advance at the one before.
    Without the right to immediate cancellation it is charged whole; with it, and in the stub of a
    calendar period, by exact seconds (R26, R43, R49).
#}
with

periods as (
    select * from {{ ref('int_periods__closed') }}
    where not is_trial and not is_rest
),

charges as (select * from {{ ref('stg_catalog__recurring_charges') }}),

closings as (
    select * from {{ ref('int_closings__scheduled') }}
    where closing_ordinal >= 0
),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

closing_ends as (select * from {{ ref('int_closings__ended') }}),

planned as (
    select
        periods.subscription_id,
        periods.terms_id,
        periods.minor_unit,
        periods.billing_zone,
        periods.period_ordinal,
        periods.period_started_at,
        periods.full_ended_at,
        {{ seconds_between('periods.full_started_at', 'periods.full_ended_at') }} as full_seconds,
        {{ seconds_between('periods.period_started_at', 'periods.full_ended_at') }}
            as period_seconds,
        charges.charge_key,
        charges.charge_name,
        charges.catalog_order,
        charges.bill,
        charges.amount as full_amount,
        case charges.bill
            when 'in_advance' then periods.period_ordinal - 1 else periods.period_ordinal
        end as billed_ordinal
    from periods
    inner join charges on periods.terms_id = charges.terms_id
),

billed as (
    select
        planned.*,
        closings.cut_off_at as billed_cut_off_at,
        closings.opened_known_at
    from planned
    inner join closings
        on
            planned.subscription_id = closings.subscription_id
            and planned.billed_ordinal = closings.closing_ordinal
),

news as (
    select
        subscription_id,
        ended_at,
        known_from as known_at
    from ended
    union distinct
    select
        subscription_id,
        ended_at,
        known_until as known_at
    from ended
    where known_until is not null
),

later as (
    select distinct
        billed.subscription_id,
        billed.period_ordinal,
        billed.charge_key,
        news.known_at,
        {{ look_back_end('billed.full_ended_at', 'billed.billing_zone') }} as look_back_ended_at,
        billed.billed_ordinal
    from billed
    inner join news
        on
            billed.subscription_id = news.subscription_id
            and billed.full_ended_at > news.ended_at
            and billed.billed_cut_off_at <= news.known_at
            and billed.opened_known_at < news.known_at
),

later_closings as (
    select
        later.subscription_id,
        later.period_ordinal,
        later.charge_key,
        later.known_at,
        min(closings.closing_ordinal) as closing_ordinal
    from later
    inner join closings
        on
            later.subscription_id = closings.subscription_id
            and later.billed_ordinal < closings.closing_ordinal
            and later.look_back_ended_at >= closings.period_ended_at
            and (
                later.known_at < closings.cut_off_at
                or (closings.is_cut and later.known_at = closings.cut_off_at)
            )
    group by later.subscription_id, later.period_ordinal, later.charge_key, later.known_at
),

at_closings as (
    select
        subscription_id,
        period_ordinal,
        charge_key,
        billed_ordinal as closing_ordinal
    from billed
    union distinct
    select
        subscription_id,
        period_ordinal,
        charge_key,
        closing_ordinal
    from later_closings
),

used as (
    select
        billed.*,
        at_closings.closing_ordinal,
        case
            when closing_ends.ended_at <= billed.period_started_at then 0
            when closing_ends.is_prorated and closing_ends.ended_at < billed.full_ended_at
                then {{ seconds_between('billed.period_started_at', 'closing_ends.ended_at') }}
            else billed.period_seconds
        end as used_seconds
    from at_closings
    inner join billed
        on
            at_closings.subscription_id = billed.subscription_id
            and at_closings.period_ordinal = billed.period_ordinal
            and at_closings.charge_key = billed.charge_key
    left outer join closing_ends
        on
            at_closings.subscription_id = closing_ends.subscription_id
            and at_closings.closing_ordinal = closing_ends.closing_ordinal
),

known as (
    select
        subscription_id,
        terms_id,
        minor_unit,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        charge_key,
        charge_name,
        catalog_order,
        bill,
        full_amount,
        used_seconds > 0 as is_charged,
        used_seconds,
        full_seconds,
        {{ share('used_seconds', 'full_seconds') }} as fraction,
        {{ prorated('full_amount', 'used_seconds', 'full_seconds', 'minor_unit') }} as amount
    from used
)

select * from known
