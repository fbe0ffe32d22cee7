{# One row per voided invoice: when that was known, and the closing that bills it again, if any. #}
with

named as (
    select * {{ without(['fact_id', 'reason']) }}
    from {{ ref('int_voids__judged') }}
    where reason is null
),

closings as (select * from {{ ref('int_closings__scheduled') }}),

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
