{{ config(materialized='view') }}
{# One row per content of a billable event and pricing rule whose condition has no answer for it. #}
with

answered as (select * from {{ ref('int_rules__answered') }}),

unanswered as (
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        rule_key
    from answered
    where is_match is null
)

select * from unanswered
