{#
    One row per one-time charge or setup fee of the first closing and closing that bills it or that
    knows of another end: what it amounts to then. Cancelled in the trial, or before it began, a
    subscription owes neither (R46, R47); if that becomes known later, they are given back. Of several
    subscriptions of one client and product the one that is due first pays a fee per client.
#}
with

closings as (select * from {{ ref('int_closings__scheduled') }}),

closing_ends as (select * from {{ ref('int_closings__ended') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

charges as (select * from {{ ref('stg_catalog__one_time_charges') }}),

licensed as (
    select * from {{ ref('int_subscriptions__licensed') }}
    where setup_fee_bill = 'first_invoice'
),

voids as (
    select
        invoice_id,
        min(known_at) as known_at
    from {{ ref('stg_metering__facts') }}
    where fact = 'void' and mode = 'waive'
    group by invoice_id
),

setups as (
    select
        closings.subscription_id,
        closings.opened_known_at,
        closings.cut_off_at,
        closings.period_started_at,
        licensed.terms_id,
        licensed.payer_key,
        licensed.product_key,
        licensed.setup_fee_name,
        licensed.setup_fee_amount,
        licensed.setup_fee_paid_per,
        voids.known_at as voided_at,
        row_number() over (
            partition by licensed.payer_key, licensed.product_key, licensed.setup_fee_paid_per
            order by closings.cut_off_at, licensed.recorded_at, licensed.subscription_id
        ) as place
    from closings
    inner join licensed on closings.subscription_id = licensed.subscription_id
    left outer join voids
        on
            {{ invoice_id('closings.subscription_id', 'closings.closing_ordinal') }}
            = voids.invoice_id
            and closings.cut_off_at <= voids.known_at
    where closings.closing_ordinal = 1 and closings.is_live
),

next_payers as (
    select
        setups.payer_key,
        setups.product_key,
        min(later.place) as place
    from setups
    inner join setups as later
        on
            setups.payer_key = later.payer_key
            and setups.product_key = later.product_key
            and setups.place < later.place
            and setups.voided_at < later.cut_off_at
    where setups.place = 1 and setups.setup_fee_paid_per = 'client'
    group by setups.payer_key, setups.product_key
),

planned as (
    select
        closings.subscription_id,
        closings.terms_id,
        closings.opened_known_at,
        closings.cut_off_at,
        closings.period_started_at as begun_at,
        0 as billed_ordinal,
        'one_time' as kind,
        charges.charge_key,
        charges.charge_name,
        charges.catalog_order,
        charges.amount as full_amount
    from closings
    inner join charges on closings.terms_id = charges.terms_id
    where closings.closing_ordinal = 0
    union all
    select
        setups.subscription_id,
        setups.terms_id,
        setups.opened_known_at,
        setups.cut_off_at,
        setups.period_started_at as begun_at,
        1 as billed_ordinal,
        'setup' as kind,
        'setup' as charge_key,
        setups.setup_fee_name as charge_name,
        1 as catalog_order,
        setups.setup_fee_amount as full_amount
    from setups
    left outer join next_payers
        on
            setups.payer_key = next_payers.payer_key
            and setups.product_key = next_payers.product_key
            and setups.place = next_payers.place
    where
        setups.setup_fee_paid_per = 'subscription'
        or setups.place = 1
        or next_payers.place is not null
),

news as (
    select
        subscription_id,
        ended_at,
        known_from as known_at
    from ended
    union distinct
    select
        subscription_id,
        ended_at,
        known_until as known_at
    from ended
    where known_until is not null
),

later as (
    select
        planned.subscription_id,
        planned.kind,
        planned.charge_key,
        news.known_at,
        min(closings.closing_ordinal) as closing_ordinal
    from planned
    inner join news
        on
            planned.subscription_id = news.subscription_id
            and planned.begun_at >= news.ended_at
            and planned.cut_off_at <= news.known_at
            and planned.opened_known_at < news.known_at
    inner join closings
        on
            planned.subscription_id = closings.subscription_id
            and planned.billed_ordinal < closings.closing_ordinal
            and news.known_at < closings.cut_off_at
    group by planned.subscription_id, planned.kind, planned.charge_key, news.known_at
),

at_closings as (
    select
        subscription_id,
        kind,
        charge_key,
        billed_ordinal as closing_ordinal
    from planned
    union distinct
    select
        subscription_id,
        kind,
        charge_key,
        closing_ordinal
    from later
),

known as (
    select
        planned.subscription_id,
        planned.terms_id,
        1 as period_ordinal,
        at_closings.closing_ordinal,
        planned.billed_ordinal,
        planned.kind,
        planned.charge_key,
        planned.charge_name,
        planned.catalog_order,
        planned.full_amount,
        closing_ends.ended_at is null
        or closing_ends.ended_at > planned.begun_at
        or (
            closing_ends.ended_at = planned.begun_at
            and coalesce(closing_ends.is_cancelled_at_once, false)
        ) as is_charged
    from at_closings
    inner join planned
        on
            at_closings.subscription_id = planned.subscription_id
            and at_closings.kind = planned.kind
            and at_closings.charge_key = planned.charge_key
    left outer join closing_ends
        on
            at_closings.subscription_id = closing_ends.subscription_id
            and at_closings.closing_ordinal = closing_ends.closing_ordinal
)

select * from known
