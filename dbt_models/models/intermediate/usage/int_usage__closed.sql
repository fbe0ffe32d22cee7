{#
    One row per rated event and run of closings that bill it: from closing_ordinal on, until
    removed_ordinal takes it back, where a fact that became known later or a quota says so.
#}
with

placed as (
    select * from {{ ref('int_usage__placed') }}
    where kind <> 'quota'
),

periods as (select * from {{ ref('int_periods__closed') }}),

quotas as (
    select * from {{ ref('stg_catalog__quotas') }}
    where effect = 'block' and metric_key is null
),

within_quota as (select * from {{ ref('int_usage__within_quota') }}),

stopped as (
    select
        periods.subscription_id,
        periods.period_ordinal
    from periods
    semi join quotas on periods.terms_id = quotas.terms_id
),

unstopped as (
    select placed.*
    from placed
    anti join stopped
        on
            placed.subscription_id = stopped.subscription_id
            and placed.period_ordinal = stopped.period_ordinal
),

let_through as (
    select
        placed.* {{ without(['closing_ordinal', 'removed_ordinal']) }},
        greatest(placed.closing_ordinal, within_quota.closing_ordinal) as closing_ordinal,
        least(placed.removed_ordinal, within_quota.removed_ordinal) as removed_ordinal
    from placed
    inner join within_quota
        on
            placed.event_version_id = within_quota.event_version_id
            and placed.subscription_id = within_quota.subscription_id
            and placed.period_ordinal = within_quota.period_ordinal
    where placed.closing_ordinal is not null
),

closed as (
    select * from unstopped
    union all
    select * from let_through
    where removed_ordinal is null or closing_ordinal < removed_ordinal
)

select * from closed
