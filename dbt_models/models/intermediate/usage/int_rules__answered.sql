{#
    One row per content of a billable event and pricing rule in force when it occurred, as far as it
    was recorded by its period's cut-off: whether its condition holds, and the amount. Either is null
    where the rule has no answer. What occurred after an end that was taken back is of the period that
    goes on, so it is the cut-off of the whole that counts for it.
#}
with

attributed as (
    select distinct
        event_version_id,
        subscription_id,
        period_ordinal
    from {{ ref('int_events__attributed') }}
    where status = 'billable'
),

versions as (select * from {{ ref('int_events__versions') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

rules as (select * from {{ ref('stg_catalog__pricing_rules') }}),

events as (
    select
        versions.event_version_id,
        versions.source_id,
        versions.provider,
        versions.model,
        versions.occurred_at,
        versions.elements,
        versions.element_numbers,
        attributed.subscription_id,
        attributed.period_ordinal,
        periods.product_id,
        periods.opened_known_at,
        case
            when versions.occurred_at < periods.period_ended_at then periods.cut_off_at
            else periods.full_cut_off_at
        end as cut_off_at
    from attributed
    inner join versions on attributed.event_version_id = versions.event_version_id
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    semi join rules on periods.product_id = rules.product_id
),

in_force as (
    select
        events.event_version_id,
        events.subscription_id,
        events.period_ordinal,
        rules.rule_version,
        rules.rule_key,
        rules.rule_name,
        rules.catalog_order,
        rules.priority,
        rules.mode,
        rules.note
    from events
    inner join rules
        on
            events.product_id = rules.product_id
            and events.occurred_at >= rules.valid_from
            and {{ recorded_by('rules.recorded_at', 'events') }}
    qualify row_number() over (
        partition by
            events.event_version_id, events.subscription_id, events.period_ordinal, rules.rule_key
        order by rules.valid_from desc, rules.recorded_at desc, rules.rule_version asc
    ) = 1
    and (rules.valid_to is null or events.occurred_at < rules.valid_to)
),

matches as (
    {{ rule_matches('events') }}
),

answered as (
    select
        in_force.*,
        matches.amount,
        matches.is_match
    from in_force
    inner join matches
        on
            in_force.event_version_id = matches.event_version_id
            and in_force.subscription_id = matches.subscription_id
            and in_force.rule_version = matches.rule_version
)

select * from answered
