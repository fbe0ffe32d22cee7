{#
    One row per void of an invoice that closes, and why it does not count where it does not: the invoice
    was not out when it was known, it was void already, or it bills a setup fee that has to be paid
    first again before that was paid or waived, so that there would never be a closing for it (R51).
#}
with

voids as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'void'
),

closings as (select * from {{ ref('int_closings__scheduled') }}),

opened as (select * from {{ ref('int_subscriptions__opened') }}),

named as (
    select
        voids.fact_id,
        voids.invoice_id,
        voids.mode,
        voids.known_at,
        closings.subscription_id,
        closings.closing_ordinal,
        case
            when voids.known_at < closings.cut_off_at then 'not_issued_then'
            when
                closings.closing_ordinal = -1
                and coalesce(voids.known_at < opened.opened_known_at, true)
                then 'not_live_then'
        end as own_reason
    from voids
    inner join closings
        on
            voids.invoice_id
            = {{ invoice_id('closings.subscription_id', 'closings.closing_ordinal') }}
    left outer join opened on closings.subscription_id = opened.subscription_id
),

judged as (
    select
        * {{ without(['own_reason']) }},
        case
            when own_reason is not null then own_reason
            when
                row_number() over (
                    partition by invoice_id, own_reason order by known_at, fact_id
                ) > 1
                then 'void_already'
        end as reason
    from named
)

select * from judged
