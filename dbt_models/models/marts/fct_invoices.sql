with

invoices as (select * from {{ ref('int_invoices__totalled') }}),

accrued as (select * from {{ ref('int_invoices__accrued') }}),

balanced as (select * from {{ ref('int_invoices__balanced') }}),

paid as (select * from {{ ref('int_invoices__paid') }}),

refunded as (select * from {{ ref('int_invoices__refunded') }}),

subscriptions as (select * from {{ ref('int_subscriptions__named') }}),

final as (
    select
        invoices.invoice_id,
        invoices.kind,
        invoices.subscription_id,
        subscriptions.subscription_name,
        subscriptions.organization_id,
        subscriptions.organization_name,
        invoices.product_id,
        invoices.product_name,
        invoices.closing_ordinal,
        invoices.period_started_at,
        invoices.period_ended_at,
        invoices.cut_off_at,
        invoices.billing_zone,
        {{ to_local('invoices.cut_off_at', 'invoices.billing_zone') }}::date + invoices.net_days
            as due_date,
        invoices.currency,
        invoices.minor_unit,
        invoices.status,
        invoices.line_count,
        invoices.total_amount,
        balanced.applied_credit_amount,
        balanced.due_amount as amount_due,
        paid.payment_status,
        paid.paid_at,
        case
            when invoices.status <> 'draft' then coalesce(refunded.refunded_amount, 0)
        end::decimal(28, 4) as refunded_amount,
        coalesce(accrued.accrued_amount, 0)::decimal(28, 4) as accrued_amount,
        invoices.content_hash,
        invoices.invoice_text
    from invoices
    inner join subscriptions on invoices.subscription_id = subscriptions.subscription_id
    left outer join accrued on invoices.invoice_id = accrued.invoice_id
    left outer join balanced on invoices.invoice_id = balanced.invoice_id
    left outer join paid on invoices.invoice_id = paid.invoice_id
    left outer join refunded on invoices.invoice_id = refunded.invoice_id
)

select * from final
