{# One row per invoice of which something was given back: never more than was paid. #}
with

judged as (select * from {{ ref('int_refunds__judged') }}),

refunded as (
    select
        invoice_id,
        sum(amount)::decimal(28, 4) as refunded_amount
    from judged
    where reason is null
    group by invoice_id
)

select * from refunded
