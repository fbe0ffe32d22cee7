{#
    One row per refund, and why it does not count where it does not: its invoice is not out, it has
    digits that the currency has not, or with those before it that count more would be given back than
    was paid. Of an invoice that is void now that is what was due before.
#}
with

refunds as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'refund'
),

invoices as (
    select * from {{ ref('int_invoices__totalled') }}
    where status <> 'draft'
),

balanced as (select * from {{ ref('int_invoices__balanced') }}),

paid as (select * from {{ ref('int_invoices__paid') }}),

checked as (
    select
        refunds.fact_id,
        refunds.invoice_id,
        refunds.amount,
        refunds.refunded_at,
        refunds.known_at,
        case when paid.paid_at is null then 0 else balanced.payable_amount end as paid_amount,
        case
            when invoices.invoice_id is null then 'no_such_invoice'
            when
                refunds.amount
                <> {{ rounded_to_minor_unit('refunds.amount', 'invoices.minor_unit') }}
                then 'not_of_currency'
        end as own_reason
    from refunds
    left outer join invoices on refunds.invoice_id = invoices.invoice_id
    left outer join balanced on refunds.invoice_id = balanced.invoice_id
    left outer join paid on refunds.invoice_id = paid.invoice_id
),

placed as (
    select
        *,
        (row_number() over (
            partition by invoice_id order by known_at, refunded_at, fact_id
        ))::int as place
    from checked
    where own_reason is null
),

summed as (
    select
        invoice_id,
        {{ accumulated(
            ['place', 'amount', 'paid_amount'],
            '0::decimal(28, 4)',
            "(case
                when " ~ item('earlier', '-1') ~ " + entry.amount <= entry.paid_amount
                    then " ~ item('earlier', '-1') ~ " + entry.amount
                else " ~ item('earlier', '-1') ~ "
            end)::decimal(28, 4)"
        ) }} as refunded_amounts
    from placed
    group by invoice_id
),

judged as (
    select
        checked.fact_id,
        checked.invoice_id,
        checked.amount,
        checked.refunded_at,
        checked.known_at,
        case
            when checked.own_reason is not null then checked.own_reason
            when
                {{ item('summed.refunded_amounts', 'placed.place') }} + checked.amount
                > checked.paid_amount
                then 'more_than_paid'
        end as reason
    from checked
    left outer join placed on checked.fact_id = placed.fact_id
    left outer join summed on placed.invoice_id = summed.invoice_id
)

select * from judged
