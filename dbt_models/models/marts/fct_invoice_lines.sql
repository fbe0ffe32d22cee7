with

lines as (select * from {{ ref('int_invoices__lines') }}),

invoices as (select * from {{ ref('int_invoices__totalled') }}),

usage as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

periods as (
    select distinct
        subscription_id,
        period_ordinal,
        full_seconds
    from {{ ref('int_recurring__known_at_closings') }}
),

invoiced as (
    select lines.*
    from lines
    semi join invoices on lines.invoice_id = invoices.invoice_id
),

final as (
    select
        invoiced.invoice_id || '/' || invoiced.line_number::string as invoice_line_id,
        invoiced.invoice_id,
        invoiced.line_number,
        invoiced.kind,
        invoiced.charged_kind,
        invoiced.description,
        invoiced.subscription_id,
        invoiced.terms_id,
        invoiced.period_ordinal,
        invoiced.closing_ordinal,
        invoiced.period_started_at,
        invoiced.period_ended_at,
        case
            when invoiced.charged_kind in ('setup', 'one_time', 'recurring') then invoiced.item_key
        end as charge_key,
        case when invoiced.charged_kind = 'usage' then invoiced.item_key end as metric_key,
        case when invoiced.charged_kind = 'usage' then invoiced.item_name end as metric_name,
        usage.aggregation,
        invoiced.tier_number,
        invoiced.tier_name,
        invoiced.tier_lower_bound,
        invoiced.tier_upper_bound,
        case when invoiced.charged_kind = 'element_fee' then invoiced.item_key end as element,
        invoiced.element_value,
        case when invoiced.charged_kind = 'rule' then invoiced.item_key end as rule_key,
        invoiced.quantity,
        invoiced.unit_rate,
        invoiced.fixed_amount,
        invoiced.fraction,
        round(invoiced.fraction::decimal(25, 12) * periods.full_seconds)::bigint
            as share_seconds,
        case when invoiced.fraction is not null then periods.full_seconds end::bigint
            as full_seconds,
        invoiced.currency,
        invoiced.amount,
        invoiced.usage_quantity,
        case when invoiced.kind = 'usage' then usage.metered_quantity end as metered_quantity,
        invoiced.usage_event_count,
        invoiced.unpriced_event_count,
        invoiced.previous_quantity,
        invoiced.previous_amount,
        invoiced.adjusts_invoice_id
    from invoiced
    left outer join usage
        on
            invoiced.charged_kind = 'usage'
            and invoiced.subscription_id = usage.subscription_id
            and invoiced.item_key = usage.metric_key
            and invoiced.period_ordinal = usage.period_ordinal
            and invoiced.closing_ordinal = usage.closing_ordinal
    left outer join periods
        on
            invoiced.subscription_id = periods.subscription_id
            and invoiced.period_ordinal = periods.period_ordinal
)

select * from final
