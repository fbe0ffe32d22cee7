{#
    One row per subscription, and whether it has a setup fee that is invoiced and paid before it is
    live. Of several subscriptions of one client and product the one whose fee is due first pays a fee
    per client; once its invoice is known to be waived it passes on (R46).
#}
with

agreed as (select * from {{ ref('int_subscriptions__agreed') }}),

due as (select * from {{ ref('int_setups__due') }}),

answered as (select * from {{ ref('int_setups__answered') }}),

voids as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'void'
),

first_voids as (
    select
        due.subscription_id,
        voids.mode,
        voids.known_at
    from due
    inner join voids
        on
            {{ invoice_id('due.subscription_id', 1) }} = voids.invoice_id
            and due.due_at <= voids.known_at
    where due.setup_fee_bill = 'first_invoice'
    qualify row_number() over (
        partition by due.subscription_id order by voids.known_at, voids.fact_id
    ) = 1
),

waived as (
    select
        subscription_id,
        known_at as waived_at
    from first_voids
    where mode = 'waive'
    union all
    select
        subscription_id,
        waived_at
    from answered
    where waived_at is not null
),

placed as (
    select
        due.*,
        waived.waived_at,
        row_number() over (
            partition by due.payer_key, due.product_key
            order by due.due_at, due.recorded_at, due.subscription_id
        ) as place
    from due
    left outer join waived on due.subscription_id = waived.subscription_id
),

paid_by_another as (
    select distinct placed.subscription_id
    from placed
    inner join placed as earlier
        on
            placed.payer_key = earlier.payer_key
            and placed.product_key = earlier.product_key
            and placed.place > earlier.place
            and (earlier.waived_at is null or placed.recorded_at < earlier.waived_at)
),

licensed as (
    select
        agreed.*,
        coalesce(agreed.setup_fee_bill = 'immediate', false)
        and paid_by_another.subscription_id is null as has_setup_invoice
    from agreed
    left outer join paid_by_another on agreed.subscription_id = paid_by_another.subscription_id
)

select * from licensed
