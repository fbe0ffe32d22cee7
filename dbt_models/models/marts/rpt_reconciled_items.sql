with

segments as (select * from {{ ref('int_segments__landed') }}),

records as (select * from {{ ref('int_records__with_fate') }}),

invoices as (select * from {{ ref('fct_invoices') }}),

lines as (select * from {{ ref('fct_invoice_lines') }}),

line_events as (select * from {{ ref('fct_line_events') }}),

rated_events as (select * from {{ ref('fct_rated_events') }}),

credentials as (select * from {{ ref('rpt_usage_by_credential') }}),

usage as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

margins as (select * from {{ ref('rpt_margin_by_customer') }}),

records_by_segment as (
    select
        segment_id,
        count(*) as record_count
    from records
    group by segment_id
),

lines_by_invoice as (
    select
        invoice_id,
        sum(amount)::decimal(28, 4) as amount
    from lines
    group by invoice_id
),

tiers_by_usage as (
    select
        invoice_id,
        metric_key,
        max(usage_quantity) as usage_quantity,
        sum(quantity) as quantity
    from lines
    where kind = 'usage'
    group by invoice_id, metric_key
),

events_by_line as (
    select
        invoice_line_id,
        sum(quantity) as quantity
    from line_events
    group by invoice_line_id
),

as_metered as (
    select
        subscription_id,
        metric_key,
        period_ordinal
    from usage
    group by subscription_id, metric_key, period_ordinal
    having bool_and(quantity = metered_quantity)
),

usage_by_subscription as (
    select
        subscription_id,
        period_ordinal,
        metric_key,
        sum(quantity) as quantity
    from rated_events
    where kind = 'usage' and removed_ordinal is null
    group by subscription_id, period_ordinal, metric_key
),

standing_events as (
    select
        usage.subscription_id,
        usage.metric_key,
        usage.period_ordinal,
        usage.closing_ordinal,
        coalesce(sum(rated_events.quantity), 0) as quantity,
        max(rated_events.quantity) as largest_quantity,
        count(distinct rated_events.element_value) as value_count,
        count(rated_events.event_key) as event_count
    from usage
    left outer join rated_events
        on
            usage.subscription_id = rated_events.subscription_id
            and usage.metric_key = rated_events.metric_key
            and usage.period_ordinal = rated_events.period_ordinal
            and usage.closing_ordinal >= rated_events.closing_ordinal
            and (
                rated_events.removed_ordinal is null
                or usage.closing_ordinal < rated_events.removed_ordinal
            )
    group by
        usage.subscription_id, usage.metric_key, usage.period_ordinal, usage.closing_ordinal
),

usage_by_credentials as (
    select
        subscription_id,
        period_ordinal,
        metric_key,
        sum(quantity) as quantity
    from credentials
    group by subscription_id, period_ordinal, metric_key
),

subscriptions_by_event as (
    select
        event_key,
        count(distinct subscription_id) as subscription_count
    from rated_events
    where removed_ordinal is null
    group by event_key
),

revenue_by_currency as (
    select
        currency,
        sum(invoiced_amount)::decimal(28, 4) as amount
    from margins
    group by currency
),

invoiced_by_currency as (
    select
        currency,
        (sum(total_amount) filter (where status = 'issued'))::decimal(28, 4) as amount
    from invoices
    group by currency
),

items as (
    select
        'records_read_have_one_fate' as reconciliation,
        'records' as unit,
        segments.segment_id as item_id,
        segments.read_count as left_amount,
        records_by_segment.record_count as right_amount
    from segments
    left outer join records_by_segment on segments.segment_id = records_by_segment.segment_id
    where segments.read_count > 0
    union all
    select
        'lines_sum_to_their_invoice' as reconciliation,
        invoices.currency as unit,
        invoices.invoice_id as item_id,
        invoices.total_amount as left_amount,
        lines_by_invoice.amount as right_amount
    from invoices
    left outer join lines_by_invoice on invoices.invoice_id = lines_by_invoice.invoice_id
    union all
    select
        'tiers_sum_to_their_usage' as reconciliation,
        metric_key as unit,
        invoice_id || '/' || metric_key as item_id,
        usage_quantity as left_amount,
        quantity as right_amount
    from tiers_by_usage
    union all
    select
        'events_aggregate_to_their_line' as reconciliation,
        lines.metric_key as unit,
        lines.invoice_line_id as item_id,
        lines.metered_quantity as left_amount,
        events_by_line.quantity as right_amount
    from lines
    left outer join events_by_line on lines.invoice_line_id = events_by_line.invoice_line_id
    where lines.kind = 'usage' and lines.aggregation in ('sum', 'count', 'match_value')
    union all
    select
        'events_aggregate_to_their_line' as reconciliation,
        lines.metric_key as unit,
        lines.invoice_line_id as item_id,
        lines.quantity as left_amount,
        events_by_line.quantity as right_amount
    from lines
    inner join as_metered
        on
            lines.subscription_id = as_metered.subscription_id
            and lines.metric_key = as_metered.metric_key
            and lines.period_ordinal = as_metered.period_ordinal
    left outer join events_by_line on lines.invoice_line_id = events_by_line.invoice_line_id
    where lines.kind = 'adjustment' and lines.aggregation in ('sum', 'count', 'match_value')
    union all
    select
        'usage_aggregates_from_its_events' as reconciliation,
        usage.metric_key as unit,
        concat_ws(
            '/',
            usage.subscription_id,
            usage.period_ordinal::string,
            usage.metric_key,
            usage.closing_ordinal::string
        ) as item_id,
        case
            when usage.aggregation = 'average'
                then
                    (
                        usage.metered_quantity::decimal(25, 12)
                        * standing_events.event_count::decimal(12, 0)
                    )::decimal(28, 3)
            else usage.metered_quantity
        end as left_amount,
        case usage.aggregation
            when 'maximum' then coalesce(standing_events.largest_quantity, 0)
            when 'count_unique' then standing_events.value_count
            when 'average' then standing_events.quantity::decimal(28, 3)
            else standing_events.quantity
        end as right_amount
    from usage
    inner join standing_events
        on
            usage.subscription_id = standing_events.subscription_id
            and usage.metric_key = standing_events.metric_key
            and usage.period_ordinal = standing_events.period_ordinal
            and usage.closing_ordinal = standing_events.closing_ordinal
    union all
    select
        'credentials_add_up_to_their_subscription' as reconciliation,
        usage_by_subscription.metric_key as unit,
        concat_ws(
            '/',
            usage_by_subscription.subscription_id,
            usage_by_subscription.period_ordinal::string,
            usage_by_subscription.metric_key
        ) as item_id,
        usage_by_subscription.quantity as left_amount,
        usage_by_credentials.quantity as right_amount
    from usage_by_subscription
    left outer join usage_by_credentials
        on
            usage_by_subscription.subscription_id = usage_by_credentials.subscription_id
            and usage_by_subscription.period_ordinal = usage_by_credentials.period_ordinal
            and usage_by_subscription.metric_key = usage_by_credentials.metric_key
    union all
    select
        'no_event_is_on_two_subscriptions' as reconciliation,
        'subscriptions' as unit,
        event_key as item_id,
        1 as left_amount,
        subscription_count as right_amount
    from subscriptions_by_event
    union all
    select
        'revenue_by_customer_is_what_was_invoiced' as reconciliation,
        coalesce(invoiced_by_currency.currency, revenue_by_currency.currency) as unit,
        coalesce(invoiced_by_currency.currency, revenue_by_currency.currency) as item_id,
        invoiced_by_currency.amount as left_amount,
        revenue_by_currency.amount as right_amount
    from invoiced_by_currency
    full outer join revenue_by_currency
        on invoiced_by_currency.currency = revenue_by_currency.currency
),

final as (
    select
        reconciliation || '/' || item_id as reconciled_item_id,
        reconciliation,
        item_id,
        unit,
        coalesce(left_amount, 0)::decimal(38, 12) as left_amount,
        coalesce(right_amount, 0)::decimal(38, 12) as right_amount
    from items
)

select * from final
