{#
    One row per span in which an event was billable, with its content, the terms of its period and
    the pricing rule that applies to it.
#}
{{ config(materialized='view') }}

with

events as (select * from {{ ref('int_events__versions') }}),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where status = 'billable'
),

periods as (select * from {{ ref('int_periods__closed') }}),

ruled as (select * from {{ ref('int_events__ruled') }}),

billable as (
    select
        attributed.event_version_id,
        attributed.event_key,
        attributed.source_id,
        attributed.event_id,
        attributed.occurred_at,
        attributed.subscription_id,
        attributed.period_ordinal,
        attributed.known_from,
        attributed.known_until,
        events.elements,
        events.element_numbers,
        periods.terms_id,
        ruled.rule_key,
        ruled.mode,
        ruled.amount as rule_amount
    from attributed
    inner join events on attributed.event_version_id = events.event_version_id
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    left outer join ruled
        on
            attributed.event_version_id = ruled.event_version_id
            and attributed.subscription_id = ruled.subscription_id
            and attributed.period_ordinal = ruled.period_ordinal
)

select * from billable
