{#
    One row per setup fee that is due at once and of whose invoice nothing is left to be paid: from
    when, and since when that is known. It was paid, or waived, which counts as billed (R46, R51).
    Waived is when it was void for that; a void before there was anything to pay is none, and nor is one
    that would bill again what has to be paid first.
#}
with

agreed as (
    select * from {{ ref('int_subscriptions__agreed') }}
    where setup_fee_bill = 'immediate'
),

facts as (
    select * from {{ ref('stg_metering__facts') }}
    where fact = 'void' or (fact = 'payment' and status = 'paid')
),

said as (
    select
        agreed.subscription_id,
        facts.fact_id,
        facts.fact,
        facts.mode,
        facts.known_at,
        coalesce(facts.paid_at, facts.known_at) as paid_at
    from agreed
    inner join facts
        on
            {{ invoice_id('agreed.subscription_id', -1) }} = facts.invoice_id
            and (facts.fact = 'payment' or agreed.recorded_at <= facts.known_at)
),

first_answers as (
    select
        subscription_id,
        min_by(paid_at, (known_at, paid_at)) as paid_at,
        min(known_at) as known_at
    from said
    where fact = 'payment' or mode = 'waive'
    group by subscription_id
),

first_voids as (
    select
        said.subscription_id,
        said.mode,
        said.known_at
    from said
    inner join first_answers
        on
            said.subscription_id = first_answers.subscription_id
            and said.known_at >= first_answers.known_at
    where said.fact = 'void'
    qualify row_number() over (
        partition by said.subscription_id order by said.known_at, said.fact_id
    ) = 1
),

answered as (
    select
        first_answers.*,
        case when first_voids.mode = 'waive' then first_voids.known_at end as waived_at
    from first_answers
    left outer join first_voids on first_answers.subscription_id = first_voids.subscription_id
)

select * from answered
