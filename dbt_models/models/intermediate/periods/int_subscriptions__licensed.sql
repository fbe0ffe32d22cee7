{#
    One row per subscription, and whether it has a setup fee that is invoiced and paid before it is
    live. Of several subscriptions of one client and product the one whose fee is due first pays a fee
    per client; once its invoice is known to be void it passes on (R46). A fee with the first invoice is
    due when the first period closes.
#}
with

agreed as (select * from {{ ref('int_subscriptions__agreed') }}),

voids as (
    select
        invoice_id,
        min(known_at) as known_at
    from {{ ref('stg_metering__facts') }}
    where fact = 'void' and mode = 'waive'
    group by invoice_id
),

anchored as (
    select
        *,
        {{ trial_end('started_at') }} as anchor_at
    from agreed
    where setup_fee_paid_per = 'client'
),

based as (
    select
        *,
        {{ period_base('anchor_at') }} as base_local
    from anchored
),

due as (
    select
        *,
        case setup_fee_bill
            when 'immediate' then recorded_at
            else greatest(
                {{ period_boundary('1') }} + grace_seconds * interval '1' second, recorded_at
            )
        end as due_at
    from based
),

placed as (
    select
        due.*,
        voids.known_at as voided_at,
        row_number() over (
            partition by due.payer_key, due.product_key
            order by due.due_at, due.recorded_at, due.subscription_id
        ) as place
    from due
    left outer join voids
        on
            {{ invoice_id(
                'due.subscription_id', "case due.setup_fee_bill when 'immediate' then -1 else 1 end"
            ) }}
            = voids.invoice_id
),

paid_by_another as (
    select distinct placed.subscription_id
    from placed
    inner join placed as earlier
        on
            placed.payer_key = earlier.payer_key
            and placed.product_key = earlier.product_key
            and placed.place > earlier.place
            and (earlier.voided_at is null or placed.recorded_at < earlier.voided_at)
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
