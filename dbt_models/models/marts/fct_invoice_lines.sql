with

lines as (select * from {{ ref('int_invoices__lines') }}),

invoices as (select * from {{ ref('int_invoices__totalled') }}),

invoiced as (
    select lines.*
    from lines
    semi join invoices on lines.invoice_id = invoices.invoice_id
),

final as (
    select
        invoice_id || '/' || line_number::string as invoice_line_id,
        invoice_id,
        line_number,
        kind,
        description,
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        period_started_at,
        period_ended_at,
        case when charged_kind = 'usage' then item_key end as metric_key,
        case when charged_kind = 'usage' then item_name end as metric_name,
        tier_number,
        tier_name,
        tier_lower_bound,
        tier_upper_bound,
        case when charged_kind = 'element_fee' then item_key end as element,
        element_value,
        quantity,
        unit_rate,
        fixed_amount,
        currency,
        amount,
        usage_quantity,
        usage_event_count,
        previous_quantity,
        previous_amount,
        adjusts_invoice_id
    from invoiced
)

select * from final
