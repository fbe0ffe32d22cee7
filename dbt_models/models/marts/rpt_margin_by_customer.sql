with

invoices as (select * from {{ ref('fct_invoices') }}),

events as (
    select * from {{ ref('fct_events') }}
    where subscription_id is not null
),

revenue as (
    select
        subscription_id,
        case when kind = 'opening' then -2 else closing_ordinal end as period_ordinal,
        date_trunc('month', {{ to_local('period_started_at', 'billing_zone') }})::date
            as period_month,
        organization_name,
        product_id,
        product_name,
        currency,
        coalesce(sum(total_amount) filter (where status = 'issued'), 0) as invoiced_amount,
        sum(accrued_amount) as accrued_amount
    from invoices
    group by
        subscription_id,
        case when kind = 'opening' then -2 else closing_ordinal end,
        date_trunc('month', {{ to_local('period_started_at', 'billing_zone') }})::date,
        organization_name,
        product_id,
        product_name,
        currency
),

costs as (
    select
        subscription_id,
        period_ordinal,
        sum(cost_amount) as cost_amount
    from events
    group by subscription_id, period_ordinal
),

summed as (
    select
        revenue.period_month,
        revenue.organization_name,
        revenue.product_id,
        revenue.product_name,
        revenue.currency,
        sum(revenue.invoiced_amount)::decimal(28, 4) as invoiced_amount,
        sum(revenue.accrued_amount)::decimal(28, 4) as accrued_amount,
        coalesce(sum(costs.cost_amount), 0)::decimal(36, 12) as cost_amount
    from revenue
    left outer join costs
        on
            revenue.subscription_id = costs.subscription_id
            and revenue.period_ordinal = costs.period_ordinal
    group by
        revenue.period_month,
        revenue.organization_name,
        revenue.product_id,
        revenue.product_name,
        revenue.currency
),

final as (
    select
        {{ surrogate_key(['period_month', 'organization_name', 'product_id', 'currency']) }}
            as margin_id,
        *,
        case
            when currency = 'USD'
                then (invoiced_amount + accrued_amount - cost_amount)::decimal(36, 12)
        end as margin_amount
    from summed
)

select * from final
