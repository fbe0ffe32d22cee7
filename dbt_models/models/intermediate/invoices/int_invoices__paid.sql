{# One row per invoice that is out and how far its payment is: nothing due is paid (R50). #}
with

balanced as (select * from {{ ref('int_invoices__balanced') }}),

payments as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'payment'
    qualify row_number() over (
        partition by invoice_id order by known_at desc, fact_id asc
    ) = 1
),

paid as (
    select
        balanced.invoice_id,
        case
            when balanced.is_void then null
            when balanced.due_amount = 0 then 'paid'
            else coalesce(payments.status, 'open')
        end as payment_status,
        case when payments.status = 'paid' then payments.paid_at end as paid_at
    from balanced
    left outer join payments on balanced.invoice_id = payments.invoice_id
)

select * from paid
