{# One row per voided invoice: when that was known, and the closing that bills it again, if any. #}
with

voids as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'void'
),

closings as (select * from {{ ref('int_closings__scheduled') }}),

first_voids as (
    select * from voids
    qualify row_number() over (partition by invoice_id order by known_at, fact_id) = 1
),

named as (
    select
        closings.subscription_id,
        closings.closing_ordinal,
        first_voids.invoice_id,
        first_voids.mode,
        first_voids.known_at
    from first_voids
    inner join closings
        on
            first_voids.invoice_id
            = {{ invoice_id('closings.subscription_id', 'closings.closing_ordinal') }}
            and first_voids.known_at >= closings.cut_off_at
),

next_closings as (
    select
        named.invoice_id,
        min(closings.closing_ordinal) as closing_ordinal
    from named
    inner join closings
        on
            named.subscription_id = closings.subscription_id
            and named.closing_ordinal < closings.closing_ordinal
            and named.known_at < closings.cut_off_at
    where named.mode = 'reissue'
    group by named.invoice_id
),

voided as (
    select
        named.*,
        next_closings.closing_ordinal as reissued_ordinal
    from named
    left outer join next_closings on named.invoice_id = next_closings.invoice_id
)

select * from voided
