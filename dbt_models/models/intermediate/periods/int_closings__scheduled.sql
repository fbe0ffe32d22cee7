{#
    One row per closing of a subscription that is due or draft: -1 for a setup fee that has to be paid
    first, 0 for what is charged on opening, k for period k. The opening of a plan that takes the place
    of another at once waits for its grace, so that it finds the credit of what that one leaves (R44).
#}
with

periods as (select * from {{ ref('int_periods__closed') }}),

licensed as (select * from {{ ref('int_subscriptions__licensed') }}),

currencies as (select * from {{ ref('currencies') }}),

products as (select * from {{ ref('stg_catalog__products') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

setups as (
    select
        licensed.subscription_id,
        -1 as closing_ordinal,
        'setup' as kind,
        licensed.terms_id,
        licensed.product_id,
        products.product_name,
        licensed.payer_key,
        licensed.organization_id,
        licensed.billing_zone,
        licensed.currency,
        currencies.minor_unit,
        products.net_days,
        licensed.started_at as period_started_at,
        licensed.started_at as period_ended_at,
        licensed.recorded_at as cut_off_at,
        licensed.started_at as boundary_at,
        licensed.recorded_at as opened_known_at,
        false as is_cut,
        true as is_live
    from licensed
    inner join products on licensed.terms_id = products.terms_id
    inner join currencies on licensed.currency = currencies.currency
    where licensed.has_setup_invoice
),

firsts as (
    select
        *,
        greatest(
            period_started_at
            + case when change = 'now' then grace_seconds else 0 end * interval '1' second,
            opened_known_at
        ) as opening_cut_off_at
    from periods
    where
        period_ordinal = 1
        and grid_ordinal = 1
        and not is_rest
        and is_begun
        and not is_analytics_only
),

first_ends as (
    select
        firsts.subscription_id,
        min(ended.ended_at) as ended_at
    from firsts
    inner join ended
        on
            firsts.subscription_id = ended.subscription_id
            and firsts.period_started_at < ended.ended_at
            and {{ known_at('ended', 'firsts', 'opening_cut_off_at') }}
    group by firsts.subscription_id
),

openings as (
    select
        firsts.subscription_id,
        0 as closing_ordinal,
        'opening' as kind,
        firsts.terms_id,
        firsts.product_id,
        firsts.product_name,
        firsts.payer_key,
        firsts.organization_id,
        firsts.billing_zone,
        firsts.currency,
        firsts.minor_unit,
        firsts.net_days,
        firsts.period_started_at,
        least(firsts.full_ended_at, first_ends.ended_at) as period_ended_at,
        firsts.opening_cut_off_at as cut_off_at,
        firsts.period_started_at as boundary_at,
        firsts.opened_known_at,
        false as is_cut,
        firsts.is_live
    from firsts
    left outer join first_ends on firsts.subscription_id = first_ends.subscription_id
),

regular as (
    select
        subscription_id,
        period_ordinal as closing_ordinal,
        case when is_live and not is_analytics_only then 'period' else 'adjustment' end as kind,
        terms_id,
        product_id,
        product_name,
        payer_key,
        organization_id,
        billing_zone,
        currency,
        minor_unit,
        net_days,
        period_started_at,
        period_ended_at,
        cut_off_at,
        period_ended_at as boundary_at,
        opened_known_at,
        is_cut,
        is_live
    from periods
    where is_begun and not is_trial and period_ordinal > 0
),

unioned as (
    select * from setups
    union all
    select * from openings
    union all
    select * from regular
),

scheduled as (
    select
        *,
        cut_off_at <= {{ as_of() }} as is_closed
    from unioned
    where closing_ordinal > 0 or cut_off_at <= {{ as_of() }}
)

select * from scheduled
