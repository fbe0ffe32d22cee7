{#
    One row per content of a billable event and the pricing rule that applies to it: of those whose
    condition holds the first by priority (R40). A rule without an amount is reported, not 0.
#}
with

answered as (
    select * from {{ ref('int_rules__answered') }}
    where is_match
),

ruled as (
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        rule_key,
        rule_name,
        catalog_order,
        mode,
        note,
        amount
    from answered
    qualify row_number() over (
        partition by event_version_id, subscription_id, period_ordinal
        order by priority, catalog_order, rule_key
    ) = 1
)

select * from ruled
