{# One row per invoice line, numbered in the order in which it is printed (R54). #}
with

charges as (
    select * from {{ ref('int_charges__unioned') }}
    where closing_ordinal = period_ordinal
),

adjusted as (select * from {{ ref('int_invoices__adjusted') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

lines as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        kind,
        case kind when 'recurring' then 1 when 'usage' then 2 else 3 end as kind_order,
        kind as charged_kind,
        item_key,
        catalog_order,
        case kind
            when 'recurring' then item_name
            when 'usage' then item_name || ': ' || tier_name
            else item_name || ': ' || element_value
        end as description,
        item_name,
        tier_number,
        tier_name,
        tier_lower_bound,
        tier_upper_bound,
        element_value,
        quantity,
        unit_rate,
        fixed_amount,
        amount,
        usage_quantity,
        usage_event_count,
        {{ null_of('decimal(25, 12)') }} as previous_quantity,
        {{ null_of('decimal(28, 4)') }} as previous_amount
    from charges
    union all
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        'adjustment' as kind,
        4 as kind_order,
        adjusted_kind as charged_kind,
        item_key,
        catalog_order,
        item_name || coalesce(': ' || element_value, '') || ', adjustment of '
        || {{ invoice_id('subscription_id', 'period_ordinal') }} as description,
        item_name,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        element_value,
        quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        {{ null_of('decimal(28, 4)') }} as fixed_amount,
        amount,
        usage_quantity,
        usage_event_count,
        previous_quantity,
        previous_amount
    from adjusted
),

numbered as (
    select
        lines.*,
        {{ invoice_id('lines.subscription_id', 'lines.closing_ordinal') }} as invoice_id,
        case
            when lines.closing_ordinal > lines.period_ordinal
                then {{ invoice_id('lines.subscription_id', 'lines.period_ordinal') }}
        end as adjusts_invoice_id,
        periods.currency,
        periods.period_started_at,
        periods.period_ended_at,
        row_number() over (
            partition by lines.subscription_id, lines.closing_ordinal
            order by
                lines.kind_order,
                lines.catalog_order,
                lines.item_key,
                lines.tier_number nulls last,
                lines.element_value nulls last,
                lines.period_ordinal
        )::int as line_number
    from lines
    inner join periods
        on
            lines.subscription_id = periods.subscription_id
            and lines.period_ordinal = periods.period_ordinal
)

select * from numbered
