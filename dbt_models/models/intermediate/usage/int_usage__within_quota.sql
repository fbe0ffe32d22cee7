{#
    One row per event and run of closings in which it is among the first of its period that a quota
    of transactions lets through, by time, source and id (R38). A late event can push another one out.
#}
with

placed as (
    select * from {{ ref('int_usage__placed') }}
    where kind = 'quota' and closing_ordinal is not null
),

periods as (select * from {{ ref('int_periods__closed') }}),

quotas as (
    select * from {{ ref('stg_catalog__quotas') }}
    where effect = 'block' and metric_key is null
),

closings as (
    select
        subscription_id,
        period_ordinal,
        closing_ordinal
    from placed
    union distinct
    select
        subscription_id,
        period_ordinal,
        removed_ordinal as closing_ordinal
    from placed
    where removed_ordinal is not null
),

stepped as (
    select
        *,
        row_number() over by_closing as step,
        lead(closing_ordinal) over by_closing as next_ordinal
    from closings
    window
        by_closing as (partition by subscription_id, period_ordinal order by closing_ordinal)
),

ranked as (
    select
        placed.event_version_id,
        placed.subscription_id,
        placed.period_ordinal,
        stepped.step,
        stepped.closing_ordinal,
        stepped.next_ordinal,
        quotas.units,
        row_number() over (
            partition by placed.subscription_id, placed.period_ordinal, stepped.closing_ordinal
            order by placed.occurred_at, placed.source_id, placed.event_id, placed.event_version_id
        ) as rank_in_period
    from stepped
    inner join placed
        on
            stepped.subscription_id = placed.subscription_id
            and stepped.period_ordinal = placed.period_ordinal
            and stepped.closing_ordinal >= placed.closing_ordinal
            and (
                placed.removed_ordinal is null
                or stepped.closing_ordinal < placed.removed_ordinal
            )
    inner join periods
        on
            placed.subscription_id = periods.subscription_id
            and placed.period_ordinal = periods.period_ordinal
    inner join quotas on periods.terms_id = quotas.terms_id
),

runs as (
    select
        *,
        step - row_number() over (
            partition by event_version_id, subscription_id, period_ordinal order by step
        ) as run
    from ranked
    where rank_in_period <= units
),

within_quota as (
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        min(closing_ordinal) as closing_ordinal,
        nullif(max(coalesce(next_ordinal, 2147483647)), 2147483647) as removed_ordinal
    from runs
    group by event_version_id, subscription_id, period_ordinal, run
)

select * from within_quota
