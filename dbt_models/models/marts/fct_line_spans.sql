with

lines as (select * from {{ ref('fct_invoice_lines') }}),

spans as (select * from {{ ref('int_invoices__line_spans') }}),

final as (
    select
        lines.invoice_line_id || '/' || spans.until_ordinal::string as line_span_id,
        lines.invoice_line_id,
        spans.from_ordinal,
        spans.until_ordinal
    from lines
    inner join spans
        on
            lines.subscription_id = spans.subscription_id
            and lines.period_ordinal = spans.period_ordinal
            and lines.closing_ordinal = spans.closing_ordinal
            and lines.charged_kind = spans.charged_kind
            and coalesce(lines.metric_key, lines.element, lines.rule_key) = spans.item_key
            and case
                when lines.element is not null
                    then {{ ascii_lower(trimmed('lines.element_value')) }}
            end is not distinct from spans.match_value
)

select * from final
