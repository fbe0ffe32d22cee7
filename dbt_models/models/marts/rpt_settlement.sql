with

events as (select * from {{ ref('fct_events') }}),

invoices as (select * from {{ ref('fct_invoices') }}),

counted_events as (select count(*) as event_count from events),

counted_invoices as (
    select count(*) as invoice_count from invoices
    where status = 'issued'
),

final as (
    select
        {{ as_of() }} as as_of,
        '{{ hex_var("build_id") }}' as build_id,
        '{{ hex_var("catalog_version") }}' as catalog_version,
        counted_events.event_count,
        counted_invoices.invoice_count
    from counted_events
    cross join counted_invoices
)

select * from final
