{#
    One row per one-time charge or setup fee of a subscription and the closing that bills it: -1 where
    the fee has to be paid first, 0 on opening, else 1. Place is that among the setup fees per client of
    one client and product: by when it is due, recorded, and the id (R46, R47). A fee that is due at once
    and falls to a subscription that is live already comes with the first closing invoice.
#}
with

closings as (select * from {{ ref('int_closings__scheduled') }}),

licensed as (
    select * from {{ ref('int_subscriptions__licensed') }}
    where setup_fee_bill is not null
),

charges as (select * from {{ ref('stg_catalog__one_time_charges') }}),

voids as (
    select * from {{ ref('int_voids__judged') }}
    where reason is null and mode = 'waive'
),

setups as (
    select
        closings.subscription_id,
        closings.opened_known_at,
        closings.cut_off_at,
        closings.period_started_at,
        closings.closing_ordinal,
        licensed.terms_id,
        licensed.setup_fee_name,
        licensed.setup_fee_amount,
        licensed.recorded_at,
        voids.known_at as voided_at,
        case licensed.setup_fee_paid_per
            when 'client' then {{ surrogate_key(['licensed.payer_key', 'licensed.product_key']) }}
            else {{ surrogate_key(['licensed.subscription_id']) }}
        end as client_key,
        case licensed.setup_fee_bill
            when 'immediate' then licensed.recorded_at
            else closings.cut_off_at
        end as due_at
    from closings
    inner join licensed
        on
            closings.subscription_id = licensed.subscription_id
            and closings.closing_ordinal = case when licensed.has_setup_invoice then -1 else 1 end
    left outer join voids
        on
            closings.subscription_id = voids.subscription_id
            and closings.closing_ordinal = voids.closing_ordinal
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
        charges.amount as full_amount,
        {{ null_of('timestamp') }} as voided_at,
        {{ null_of('string') }} as client_key,
        1 as place
    from closings
    inner join charges on closings.terms_id = charges.terms_id
    where closings.closing_ordinal = 0
    union all
    select
        subscription_id,
        terms_id,
        opened_known_at,
        cut_off_at,
        period_started_at as begun_at,
        closing_ordinal as billed_ordinal,
        'setup' as kind,
        'setup' as charge_key,
        setup_fee_name as charge_name,
        1 as catalog_order,
        setup_fee_amount as full_amount,
        voided_at,
        client_key,
        (row_number() over (
            partition by client_key order by due_at, recorded_at, subscription_id
        ))::int as place
    from setups
)

select * from planned
