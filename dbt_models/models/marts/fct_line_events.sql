{#
    The link from a line to its events is a predicate, never a stamp on the events: the subscription,
    the metric or value, the period, and what was known at the closing.
#}
with

lines as (
    select
        invoice_line_id,
        subscription_id,
        period_ordinal,
        closing_ordinal,
        kind,
        coalesce(metric_key, element) as item_key,
        {{ ascii_lower(trimmed('element_value')) }} as match_value
    from {{ ref('fct_invoice_lines') }}
),

rated_events as (
    select
        rated_event_id,
        event_key,
        subscription_id,
        period_ordinal,
        closing_ordinal,
        quantity,
        coalesce(metric_key, element) as item_key,
        {{ ascii_lower(trimmed('element_value')) }} as match_value
    from {{ ref('fct_rated_events') }}
),

final as (
    select
        lines.invoice_line_id || '/' || rated_events.rated_event_id as line_event_id,
        lines.invoice_line_id,
        rated_events.event_key,
        rated_events.quantity
    from lines
    inner join rated_events
        on
            lines.subscription_id = rated_events.subscription_id
            and lines.period_ordinal = rated_events.period_ordinal
            and lines.item_key = rated_events.item_key
            and lines.match_value is not distinct from rated_events.match_value
            and lines.closing_ordinal = rated_events.closing_ordinal
)

select * from final
