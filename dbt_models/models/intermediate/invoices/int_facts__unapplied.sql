{#
    One row per fact that does nothing: what it names is not there, not yet or no longer in the state
    for it, or what it gives back was not paid.
#}
with

facts as (select * from {{ ref('stg_metering__facts') }}),

invoices as (
    select * from {{ ref('int_invoices__totalled') }}
    where status <> 'draft'
),

events as (select * from {{ ref('int_events__first_received') }}),

halves as (
    select distinct
        source_id,
        event_id
    from events
    where is_half
),

judged_voids as (select * from {{ ref('int_voids__judged') }}),

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
        case when halves.event_id is null then 'no_such_event' else 'half_missing' end as reason
    from facts
    anti join events on facts.event_key = events.event_key
    left outer join halves
        on facts.source_id = halves.source_id and facts.event_id = halves.event_id
    where facts.fact in ('void_event', 'amend_event')
),

voids as (
    select
        judged_voids.fact_id,
        'void' as fact,
        judged_voids.invoice_id as named_id,
        judged_voids.known_at,
        judged_voids.reason
    from judged_voids
    semi join invoices on judged_voids.invoice_id = invoices.invoice_id
    where judged_voids.reason is not null
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
    select * from voids
    union all
    select * from refunds
    union all
    select * from unknown_events
)

select * from unapplied
