{#
    One row per refund, and why it does not count where it does not: its invoice is not out, it has
    digits that the currency has not, or more would be given back than was paid. Of an invoice that is
    void now, at most its total was paid.
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

with_payment as (
    select
        refunds.fact_id,
        refunds.invoice_id,
        refunds.amount,
        refunds.refunded_at,
        refunds.known_at,
        invoices.minor_unit,
        invoices.invoice_id is not null as is_out,
        case
            when paid.paid_at is null then 0
            when balanced.is_void then invoices.total_amount
            else balanced.due_amount
        end as paid_amount
    from refunds
    left outer join invoices on refunds.invoice_id = invoices.invoice_id
    left outer join balanced on refunds.invoice_id = balanced.invoice_id
    left outer join paid on refunds.invoice_id = paid.invoice_id
),

checked as (
    select
        *,
        case
            when not is_out then 'no_such_invoice'
            when amount <> {{ rounded_to_minor_unit('amount', 'minor_unit') }}
                then 'not_of_currency'
            when amount > paid_amount then 'more_than_paid'
        end as own_reason
    from with_payment
),

summed as (
    select
        *,
        sum(case when own_reason is null then amount else 0 end) over (
            partition by invoice_id order by known_at, refunded_at, fact_id
        ) as refunded_so_far
    from checked
),

judged as (
    select
        fact_id,
        invoice_id,
        amount,
        refunded_at,
        known_at,
        case
            when own_reason is not null then own_reason
            when refunded_so_far > paid_amount then 'more_than_paid'
        end as reason
    from summed
)

select * from judged
