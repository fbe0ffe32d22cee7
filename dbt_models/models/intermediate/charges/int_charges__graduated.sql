{#
    Each unit at the rate of the tier that it falls in; a tier's fixed cost once if usage enters it.
    A tier is entered by a quantity above its lower bound; its upper bound still belongs to it. A
    quantity below zero counts as zero, so it enters no tier (R35). The rate above an overage quota is
    a last tier, also of volume pricing (R39); what is left of the quota ends the tiers before it.
#}
with

usage as (select * from {{ ref('int_usage__aggregated_to_closings') }}),

tiers as (select * from {{ ref('stg_catalog__tiers') }}),

reached as (
    select
        usage.*,
        tiers.tier_number,
        tiers.tier_name,
        tiers.lower_bound,
        tiers.upper_bound,
        tiers.unit_rate,
        tiers.fixed_cost,
        case when tiers.is_overage then usage.overage_bound else tiers.lower_bound end
            as entered_above,
        case
            when tiers.is_overage then usage.quantity
            else least(usage.quantity, tiers.upper_bound, usage.overage_bound)
        end as reached_quantity
    from usage
    inner join tiers
        on usage.terms_id = tiers.terms_id and usage.metric_key = tiers.metric_key
    where usage.pricing = 'graduated' or tiers.is_overage
),

sliced as (
    select
        *,
        (reached_quantity - entered_above)::decimal(25, 12) as tier_quantity
    from reached
    where reached_quantity > entered_above
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
    from sliced
)

select * from charged
