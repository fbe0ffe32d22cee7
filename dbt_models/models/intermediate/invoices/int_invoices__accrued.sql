{#
    One row per draft: what of it is earned by the settlement instant. Usage is earned as it comes, a
    charge for the period with its time, in whole seconds; what is charged in advance for the next
    one is not earned yet. The draft itself shows the whole charge, as the invoice will.
#}
with

lines as (select * from {{ ref('int_invoices__lines') }}),

drafts as (
    select
        *,
        {{ seconds_between('period_started_at', 'least(' ~ as_of() ~ ', period_ended_at)') }}
            as elapsed_seconds,
        {{ seconds_between('period_started_at', 'period_ended_at') }} as period_seconds
    from {{ ref('int_invoices__totalled') }}
    where status = 'draft'
),

shares as (
    select
        drafts.invoice_id,
        drafts.minor_unit,
        drafts.period_seconds,
        lines.kind,
        lines.amount,
        lines.period_ordinal > lines.closing_ordinal as is_in_advance,
        ((lines.amount * 10000)::decimal(28, 0) * drafts.elapsed_seconds)::decimal(38, 0)
            as ten_thousandths_of_seconds
    from drafts
    inner join lines on drafts.invoice_id = lines.invoice_id
),

earned as (
    select
        invoice_id,
        case
            when is_in_advance then 0
            when kind = 'recurring'
                then
                    {{ rounded_to_minor_unit(
                        divided('ten_thousandths_of_seconds', 'period_seconds')
                        ~ '::decimal(28, 0) * 0.0001',
                        'minor_unit'
                    ) }}
            else amount
        end as amount
    from shares
),

accrued as (
    select
        invoice_id,
        sum(amount)::decimal(28, 4) as accrued_amount
    from earned
    group by invoice_id
)

select * from accrued
