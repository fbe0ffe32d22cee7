{#
    The link from a line to its events is a predicate, never a stamp on the events: the subscription,
    the metric, value or rule, the period, and what was known at the closing. What a later fact took
    back is behind the adjustment with a minus.
#}
with

lines as (
    select
        invoice_line_id,
        subscription_id,
        period_ordinal,
        charged_kind,
        coalesce(metric_key, element, rule_key) as item_key,
        case when element is not null then {{ ascii_lower(trimmed('element_value')) }} end
            as match_value
    from {{ ref('fct_invoice_lines') }}
    where kind in ('usage', 'element_fee', 'rule', 'adjustment')
),

spans as (select * from {{ ref('fct_line_spans') }}),

rated_events as (
    select
        rated_event_id,
        event_key,
        subscription_id,
        kind,
        period_ordinal,
        closing_ordinal,
        removed_ordinal,
        quantity,
        rule_amount,
        coalesce(metric_key, element, rule_key) as item_key,
        case when element is not null then {{ ascii_lower(trimmed('element_value')) }} end
            as match_value
    from {{ ref('fct_rated_events') }}
),

changes as (
    select
        rated_event_id || '+' as change_id,
        event_key,
        subscription_id,
        kind,
        item_key,
        match_value,
        period_ordinal,
        closing_ordinal,
        quantity,
        rule_amount
    from rated_events
    union all
    select
        rated_event_id || '-' as change_id,
        event_key,
        subscription_id,
        kind,
        item_key,
        match_value,
        period_ordinal,
        removed_ordinal as closing_ordinal,
        -quantity as quantity,
        -rule_amount as rule_amount
    from rated_events
    where removed_ordinal is not null
),

final as (
    select
        lines.invoice_line_id || '/' || changes.change_id as line_event_id,
        lines.invoice_line_id,
        changes.event_key,
        changes.quantity::decimal(25, 12) as quantity,
        changes.rule_amount::decimal(37, 18) as rule_amount
    from lines
    inner join spans on lines.invoice_line_id = spans.invoice_line_id
    inner join changes
        on
            lines.subscription_id = changes.subscription_id
            and lines.period_ordinal = changes.period_ordinal
            and lines.charged_kind = changes.kind
            and lines.item_key = changes.item_key
            and lines.match_value is not distinct from changes.match_value
            and spans.until_ordinal >= changes.closing_ordinal
            and (spans.from_ordinal is null or spans.from_ordinal < changes.closing_ordinal)
)

select * from final
