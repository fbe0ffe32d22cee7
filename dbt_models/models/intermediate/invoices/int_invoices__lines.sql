{#
    One row per invoice line, numbered in the order in which it is printed (R54). An adjustment names
    the invoice that it corrects; where its period had none, nothing is named.
#}
with

charges as (
    select * from {{ ref('int_charges__unioned') }}
    where closing_ordinal = billed_ordinal and period_ordinal <> 0
),

adjusted as (select * from {{ ref('int_invoices__adjusted') }}),

reissued as (select * from {{ ref('int_invoices__reissued') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

closings as (select * from {{ ref('int_closings__scheduled') }}),

closing_ends as (select * from {{ ref('int_closings__ended') }}),

later_charges as (
    select * {{ without(['previous_ordinal']) }} from adjusted
    union all
    select * from reissued
),

later_lines as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        kind,
        adjusted_kind,
        item_key,
        item_name,
        catalog_order,
        element_value,
        sum(quantity)::decimal(25, 12) as quantity,
        max(fraction) as fraction,
        sum(amount)::decimal(28, 4) as amount,
        max(usage_quantity) as usage_quantity,
        max(usage_event_count) as usage_event_count,
        sum(previous_quantity)::decimal(25, 12) as previous_quantity,
        sum(previous_amount)::decimal(28, 4) as previous_amount
    from later_charges
    group by
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        kind,
        adjusted_kind,
        item_key,
        item_name,
        catalog_order,
        element_value
    having sum(amount) <> 0
),

invoiced as (
    select
        subscription_id,
        closing_ordinal
    from closings
    where kind = 'period'
    union distinct
    select
        subscription_id,
        closing_ordinal
    from charges
    union distinct
    select
        subscription_id,
        closing_ordinal
    from later_lines
),

named_lines as (
    select
        later_lines.*,
        case
            when invoiced.closing_ordinal is not null
                then {{ invoice_id('later_lines.subscription_id', 'later_lines.billed_ordinal') }}
        end as adjusts_invoice_id
    from later_lines
    left outer join invoiced
        on
            later_lines.subscription_id = invoiced.subscription_id
            and later_lines.billed_ordinal = invoiced.closing_ordinal
),

lines as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        kind,
        kind as charged_kind,
        item_key,
        catalog_order,
        case kind
            when 'usage' then item_name || ': ' || tier_name
            when 'element_fee' then item_name || ': ' || element_value
            else item_name
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
        fraction,
        amount,
        usage_quantity,
        usage_event_count,
        unpriced_event_count,
        {{ null_of('decimal(25, 12)') }} as previous_quantity,
        {{ null_of('decimal(28, 4)') }} as previous_amount,
        {{ null_of('string') }} as adjusts_invoice_id
    from charges
    union all
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        kind,
        adjusted_kind as charged_kind,
        item_key,
        catalog_order,
        item_name || coalesce(': ' || element_value, '')
        || case kind when 'credit' then ', unused part' else ', adjustment' end
        || coalesce(' of ' || adjusts_invoice_id, '') as description,
        item_name,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        element_value,
        quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        {{ null_of('decimal(28, 4)') }} as fixed_amount,
        fraction,
        amount,
        usage_quantity,
        usage_event_count,
        {{ null_of('bigint') }} as unpriced_event_count,
        previous_quantity,
        previous_amount,
        adjusts_invoice_id
    from named_lines
),

numbered as (
    select
        lines.*,
        {{ invoice_id('lines.subscription_id', 'lines.closing_ordinal') }} as invoice_id,
        closings.currency,
        coalesce(periods.period_started_at, closings.period_started_at) as period_started_at,
        case
            when lines.closing_ordinal < lines.period_ordinal
                then least(periods.full_ended_at, closing_ends.ended_at)
            else coalesce(periods.period_ended_at, closings.period_ended_at)
        end as period_ended_at,
        row_number() over (
            partition by lines.subscription_id, lines.closing_ordinal
            order by
                case lines.kind
                    when 'setup' then 1
                    when 'one_time' then 2
                    when 'recurring' then 3
                    when 'usage' then 4
                    when 'element_fee' then 5
                    when 'rule' then 6
                    when 'credit' then 7
                    else 8
                end,
                lines.catalog_order,
                lines.charged_kind,
                lines.item_key,
                lines.tier_number nulls last,
                lines.element_value nulls last,
                lines.period_ordinal,
                lines.billed_ordinal
        )::int as line_number
    from lines
    inner join closings
        on
            lines.subscription_id = closings.subscription_id
            and lines.closing_ordinal = closings.closing_ordinal
    left outer join periods
        on
            lines.subscription_id = periods.subscription_id
            and lines.period_ordinal = periods.period_ordinal
    left outer join closing_ends
        on
            lines.subscription_id = closing_ends.subscription_id
            and lines.closing_ordinal = closing_ends.closing_ordinal
)

select * from numbered
