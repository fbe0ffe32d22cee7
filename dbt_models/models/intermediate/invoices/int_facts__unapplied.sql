{# One row per fact that does nothing: what it names is not there, or what it gives back unpaid. #}
with

facts as (select * from {{ ref('stg_metering__facts') }}),

invoices as (
    select * from {{ ref('int_invoices__totalled') }}
    where status <> 'draft'
),

events as (select * from {{ ref('int_events__first_received') }}),

judged_refunds as (select * from {{ ref('int_refunds__judged') }}),

unknown_invoices as (
    select
        facts.fact_id,
        facts.fact,
        facts.invoice_id as named_id,
        facts.known_at,
        'no_such_invoice' as reason
    from facts
    anti join invoices on facts.invoice_id = invoices.invoice_id
    where facts.fact in ('payment', 'void')
),

unknown_events as (
    select
        facts.fact_id,
        facts.fact,
        facts.source_id || ' ' || facts.event_id as named_id,
        facts.known_at,
        'no_such_event' as reason
    from facts
    anti join events on facts.event_key = events.event_key
    where facts.fact in ('void_event', 'amend_event')
),

refunds as (
    select
        fact_id,
        'refund' as fact,
        invoice_id as named_id,
        known_at,
        reason
    from judged_refunds
    where reason is not null
),

unapplied as (
    select * from unknown_invoices
    union all
    select * from refunds
    union all
    select * from unknown_events
)

select * from unapplied
