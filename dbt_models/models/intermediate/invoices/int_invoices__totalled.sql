{#
    One row per invoice: each closing of a live period, another one only where it has lines. Its hash covers what is charged and why, in
    canonical text: ids, never names, so that neither a rename nor an erasure changes it (R10, R11).
#}
with

lines as (select * from {{ ref('int_invoices__lines') }}),

closings as (select * from {{ ref('int_closings__scheduled') }}),

voided as (select * from {{ ref('int_invoices__voided') }}),

texts as (
    select
        subscription_id,
        closing_ordinal,
        line_number,
        amount,
        concat_ws(
            '|',
            line_number::string,
            kind,
            charged_kind,
            {{ length_led('item_key') }},
            coalesce(tier_number::string, ''),
            coalesce({{ length_led('element_value') }}, ''),
            coalesce(quantity::string, ''),
            coalesce(unit_rate::string, ''),
            coalesce(fixed_amount::string, ''),
            coalesce(fraction::string, ''),
            amount::string,
            terms_id,
            {{ instant_text('period_started_at') }},
            {{ instant_text('period_ended_at') }},
            coalesce(adjusts_invoice_id, '')
        ) as line_text
    from lines
),

summed as (
    select
        subscription_id,
        closing_ordinal,
        count(*)::int as line_count,
        sum(amount)::decimal(28, 4) as total_amount,
        {{ join_lines('line_text', 'line_number') }} as lines_text
    from texts
    group by subscription_id, closing_ordinal
),

totalled as (
    select
        closings.*,
        {{ invoice_id('closings.subscription_id', 'closings.closing_ordinal') }} as invoice_id,
        case
            when voided.closing_ordinal is not null then 'void'
            when closings.is_closed then 'issued'
            else 'draft'
        end as status,
        coalesce(summed.line_count, 0)::int as line_count,
        coalesce(summed.total_amount, 0)::decimal(28, 4) as total_amount,
        coalesce(summed.lines_text, '') as lines_text
    from closings
    left outer join summed
        on
            closings.subscription_id = summed.subscription_id
            and closings.closing_ordinal = summed.closing_ordinal
    left outer join voided
        on
            closings.subscription_id = voided.subscription_id
            and closings.closing_ordinal = voided.closing_ordinal
    where
        closings.kind = 'period'
        or summed.line_count > 0
),

written as (
    select
        *,
        concat_ws(
            '|',
            'invoice 2',
            invoice_id,
            kind,
            subscription_id,
            terms_id,
            currency,
            {{ instant_text('period_started_at') }},
            {{ instant_text('period_ended_at') }},
            {{ instant_text('cut_off_at') }},
            total_amount::string
        ) || chr(10) || lines_text as invoice_text
    from totalled
),

hashed as (
    select
        *,
        {{ sha256_hex('invoice_text') }} as content_hash
    from written
)

select * from hashed
