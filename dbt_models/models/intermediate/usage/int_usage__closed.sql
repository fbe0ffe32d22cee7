{#
    One row per rated event with the closing that bills it: that of its own period if it was known by
    the cut-off, else the next one that it was known for. Null: no closing of the look-back is left,
    which is reported, not billed. What was known no later than the subscription itself is in time.
#}
with

rated as (select * from {{ ref('int_usage__rated') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

placed as (
    select
        rated.*,
        rated.known_at < periods.cut_off_at
        or rated.known_at <= periods.subscription_recorded_at as is_in_time,
        periods.period_ended_at + {{ var('look_back_months') }} * interval '1' month
            as look_back_ended_at
    from rated
    inner join periods
        on
            rated.subscription_id = periods.subscription_id
            and rated.period_ordinal = periods.period_ordinal
),

late_closings as (
    select
        late.event_key,
        late.kind,
        coalesce(late.metric_key, late.element) as item_key,
        min(later.period_ordinal) as closing_ordinal
    from placed as late
    inner join periods as later
        on
            late.subscription_id = later.subscription_id
            and late.period_ordinal < later.period_ordinal
            and late.known_at < later.cut_off_at
            and late.look_back_ended_at > later.period_started_at
    where not late.is_in_time
    group by late.event_key, late.kind, coalesce(late.metric_key, late.element)
),

closed as (
    select
        placed.event_key,
        placed.subscription_id,
        placed.period_ordinal,
        placed.kind,
        placed.metric_key,
        placed.element,
        placed.match_value,
        placed.element_value,
        placed.quantity,
        case
            when placed.is_in_time then placed.period_ordinal else late_closings.closing_ordinal
        end
            as closing_ordinal
    from placed
    left outer join late_closings
        on
            not placed.is_in_time
            and placed.event_key = late_closings.event_key
            and placed.kind = late_closings.kind
            and coalesce(placed.metric_key, placed.element) = late_closings.item_key
)

select * from closed
