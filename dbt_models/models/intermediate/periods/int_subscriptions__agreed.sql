{#
    One row per subscription with the terms that it began under: those in force at its start, as far as
    they were known when the subscription was; else the first that were recorded later. They say the
    grid of its periods, its trial and whether it may be cancelled at once, unless it says so itself
    (R52). A successor has neither trial nor setup fee (R44).
#}
with

subscriptions as (select * from {{ ref('int_subscriptions__latest') }}),

products as (select * from {{ ref('stg_catalog__products') }}),

setup_fees as (select * from {{ ref('stg_catalog__setup_fees') }}),

candidates as (
    select
        subscriptions.subscription_id,
        subscriptions.subscription_name,
        subscriptions.subscriber_key,
        subscriptions.organization_id,
        coalesce(subscriptions.organization_id, subscriptions.subscriber_key) as payer_key,
        subscriptions.product_id,
        subscriptions.billing_zone,
        subscriptions.started_at,
        subscriptions.expires_at,
        subscriptions.recorded_at,
        subscriptions.test_kind,
        subscriptions.replaces_subscription_id,
        subscriptions.change,
        coalesce(subscriptions.is_immediate_cancellation, products.is_immediate_cancellation)
            as is_immediate_cancellation,
        case
            when subscriptions.replaces_subscription_id is not null then 0
            else coalesce(subscriptions.trial_days, products.trial_days)
        end as trial_days,
        products.terms_id,
        products.product_key,
        products.currency,
        products.valid_from as terms_valid_from,
        products.recorded_at as terms_recorded_at,
        case
            when subscriptions.test_kind is not null then null::string
            else products.calendar_unit
        end as calendar_unit,
        case
            when subscriptions.test_kind is not null then 5
            when products.period_unit = 'minute' then products.period_count
            else 0
        end as step_minutes,
        case when products.period_unit = 'day' then products.period_count else 0 end as step_days,
        case when products.period_unit = 'month' then products.period_count else 0 end
            as step_months,
        case when subscriptions.test_kind is not null then 0 else products.grace_seconds end
            as grace_seconds,
        products.recorded_at <= subscriptions.recorded_at as is_known_in_time
    from subscriptions
    inner join products
        on
            subscriptions.product_id = products.product_id
            and subscriptions.started_at >= products.valid_from
),

in_force as (
    select * from candidates
    qualify row_number() over (
        partition by subscription_id
        order by
            is_known_in_time desc,
            case when is_known_in_time then terms_valid_from end desc nulls last,
            case when is_known_in_time then terms_recorded_at end desc nulls last,
            terms_recorded_at asc,
            terms_id asc
    ) = 1
),

agreed as (
    select
        in_force.* {{ without(['terms_valid_from', 'terms_recorded_at', 'is_known_in_time']) }},
        setup_fees.fee_name as setup_fee_name,
        setup_fees.amount as setup_fee_amount,
        setup_fees.paid_per as setup_fee_paid_per,
        setup_fees.bill as setup_fee_bill
    from in_force
    left outer join setup_fees
        on
            in_force.terms_id = setup_fees.terms_id
            and in_force.replaces_subscription_id is null
)

select * from agreed
