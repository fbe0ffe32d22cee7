{#
    One row per invoice that is out and what is due on it (R43). A negative total is a credit of the
    payer in that currency from the cut-off of its invoice on; each later one uses, at its own cut-off,
    what is left of it, and what is due then stays. A void undoes what its invoice did to the
    balance, from when it was known: below zero if that credit is used up already. Nothing is due on it
    any more; payable is what was, and may have been paid.
#}
with

invoices as (
    select * from {{ ref('int_invoices__totalled') }}
    where status <> 'draft'
),

voided as (select * from {{ ref('int_invoices__voided') }}),

credited as (
    select distinct
        payer_key,
        currency
    from invoices
    where total_amount < 0
),

entered as (
    select
        invoice_id,
        payer_key,
        currency,
        cut_off_at as entered_at,
        boundary_at,
        total_amount,
        false as is_void
    from invoices
    union all
    select
        invoices.invoice_id,
        invoices.payer_key,
        invoices.currency,
        voided.known_at as entered_at,
        invoices.boundary_at,
        invoices.total_amount,
        true as is_void
    from voided
    inner join invoices on voided.invoice_id = invoices.invoice_id
),

placed as (
    select
        entered.*,
        (row_number() over (
            partition by entered.payer_key, entered.currency
            order by
                entered.entered_at,
                entered.is_void,
                entered.boundary_at,
                entered.total_amount,
                entered.invoice_id
        ))::int as place
    from entered
    semi join credited
        on
            entered.payer_key = credited.payer_key
            and entered.currency = credited.currency
),

with_invoice as (
    select
        *,
        min(place) over (partition by invoice_id) as invoice_place
    from placed
),

ledgers as (
    select
        payer_key,
        currency,
        {{ accumulated(
            ['place', 'invoice_place', 'total_amount'],
            '0::decimal(28, 4)',
            "(case
                when entry.invoice_place < entry.place
                    then " ~ item('earlier', '-1') ~ " + " ~ item('earlier', 'entry.invoice_place')
                    ~ " - " ~ item('earlier', 'entry.invoice_place + 1') ~ "
                when entry.total_amount < 0
                    then " ~ item('earlier', '-1') ~ " - entry.total_amount
                else least(
                    " ~ item('earlier', '-1') ~ ",
                    greatest(" ~ item('earlier', '-1') ~ " - entry.total_amount, 0)
                )
            end)::decimal(28, 4)"
        ) }} as balances
    from with_invoice
    group by payer_key, currency
),

balances as (
    select
        ledgers.payer_key,
        ledgers.currency,
        numbered.place,
        numbered.balance - lead(numbered.balance) over (
            partition by ledgers.payer_key, ledgers.currency order by numbered.place
        ) as used_amount
    from ledgers
    cross join lateral {{ numbered('ledgers.balances', 'balance') }} as numbered
),

valued as (
    select
        invoices.invoice_id,
        invoices.status = 'void' as is_void,
        case when invoices.total_amount < 0 then 0 else coalesce(balances.used_amount, 0) end
            as used_amount,
        greatest(invoices.total_amount, 0) as charged_amount
    from invoices
    left outer join with_invoice
        on
            invoices.invoice_id = with_invoice.invoice_id
            and not with_invoice.is_void
    left outer join balances
        on
            with_invoice.payer_key = balances.payer_key
            and with_invoice.currency = balances.currency
            and with_invoice.place = balances.place
),

balanced as (
    select
        invoice_id,
        is_void,
        case when is_void then 0 else used_amount end::decimal(28, 4) as applied_credit_amount,
        case when is_void then 0 else charged_amount - used_amount end::decimal(28, 4)
            as due_amount,
        (charged_amount - used_amount)::decimal(28, 4) as payable_amount
    from valued
)

select * from balanced
