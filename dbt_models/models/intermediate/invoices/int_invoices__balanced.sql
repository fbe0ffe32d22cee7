{#
    One row per invoice that is out and what is due on it: a negative total becomes a credit of the
    payer in that currency, which lowers what is due on the invoices after it, oldest first (R43). The
    credit left after an invoice is the running sum less the lowest that it has been, below zero.
#}
with

invoices as (
    select * from {{ ref('int_invoices__totalled') }}
    where status <> 'draft'
),

credited as (
    select
        invoice_id,
        payer_key,
        currency,
        billed_at,
        boundary_at,
        total_amount,
        status = 'void' as is_void,
        case when status = 'void' then 0 else -total_amount end::decimal(28, 4) as credit_amount
    from invoices
),

summed as (
    select
        *,
        row_number() over (
            partition by payer_key, currency
            order by billed_at asc, boundary_at asc, credit_amount desc, invoice_id asc
        ) as place,
        sum(credit_amount) over (
            partition by payer_key, currency
            order by billed_at asc, boundary_at asc, credit_amount desc, invoice_id asc
            rows between unbounded preceding and current row
        ) as running_amount
    from credited
),

lowest as (
    select
        *,
        least(
            min(running_amount) over (
                partition by payer_key, currency
                order by place
                rows between unbounded preceding and current row
            ),
            0
        ) as lowest_amount
    from summed
),

left_over as (
    select
        *,
        (running_amount - lowest_amount)::decimal(28, 4) as credit_after
    from lowest
),

applied as (
    select
        *,
        coalesce(
            lag(credit_after) over (partition by payer_key, currency order by place), 0
        ) as credit_before
    from left_over
),

balanced as (
    select
        invoice_id,
        is_void,
        case
            when credit_amount >= 0 then 0
            else (credit_before - credit_after)
        end::decimal(28, 4) as applied_credit_amount,
        case
            when credit_amount >= 0 then 0
            else (-credit_amount - credit_before + credit_after)
        end::decimal(28, 4) as due_amount,
        credit_after as credit_balance_amount
    from applied
)

select * from balanced
