{#
    All units at the rate of the tier that the whole quantity falls in, and that tier's fixed cost; an
    upper bound still belongs to its tier, no usage enters none. Units above an overage quota are
    priced apart.
#}
with

usage as (
    select * from {{ ref('int_usage__aggregated_to_closings') }}
    where pricing = 'volume'
),

tiers as (select * from {{ ref('stg_catalog__tiers') }}),

limited as (
    select
        *,
        least(quantity, overage_bound)::decimal(25, 12) as tier_quantity
    from usage
),

reached as (
    select
        limited.*,
        tiers.tier_number,
        tiers.tier_name,
        tiers.lower_bound,
        tiers.upper_bound,
        tiers.unit_rate,
        tiers.fixed_cost
    from limited
    inner join tiers
        on
            limited.terms_id = tiers.terms_id
            and limited.metric_key = tiers.metric_key
            and limited.tier_quantity > tiers.lower_bound
            and (tiers.upper_bound is null or limited.tier_quantity <= tiers.upper_bound)
    where not tiers.is_overage
),

charged as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        period_ordinal as billed_ordinal,
        'usage' as kind,
        metric_key as item_key,
        metric_name as item_name,
        catalog_order,
        tier_number,
        tier_name,
        lower_bound as tier_lower_bound,
        upper_bound as tier_upper_bound,
        {{ null_of('string') }} as element_value,
        tier_quantity as quantity,
        unit_rate,
        fixed_cost as fixed_amount,
        {{ null_of('decimal(13, 12)') }} as fraction,
        (
            {{ exact_product('tier_quantity', 'unit_rate', 'is_cost') }}
            + fixed_cost::decimal(36, 18)
        )::decimal(37, 18) as exact_amount,
        quantity as usage_quantity,
        event_count as usage_event_count,
        unpriced_event_count
    from reached
)

select * from charged
