{#
    The transactions that a pricing rule prices: summed exactly, rounded once a rule and period. A line
    has the name and note of the last version in force in the period, as far as it was recorded by the
    period's cut-off, like the price. Where an end that cut the period was taken back, the period goes
    on, and so do its versions, up to the cut-off of the whole (R40).
#}
with

summed as (
    select * from {{ ref('int_rules__summed_to_closings') }}
    where event_count > 0
),

periods as (select * from {{ ref('int_periods__closed') }}),

rules as (select * from {{ ref('stg_catalog__pricing_rules') }}),

named as (
    select
        summed.*,
        periods.terms_id,
        rules.rule_name || coalesce(': ' || rules.note, '') as rule_name,
        rules.catalog_order
    from summed
    inner join periods
        on
            summed.subscription_id = periods.subscription_id
            and summed.period_ordinal = periods.period_ordinal
    inner join rules
        on
            periods.product_id = rules.product_id
            and summed.rule_key = rules.rule_key
            and (
                (
                    periods.period_ended_at > rules.valid_from
                    and {{ recorded_by('rules.recorded_at', 'periods') }}
                )
                or (
                    periods.period_ended_at <= rules.valid_from
                    and periods.full_ended_at > rules.valid_from
                    and {{ recorded_by('rules.recorded_at', 'periods', 'full_cut_off_at') }}
                )
            )
    qualify row_number() over (
        partition by
            summed.subscription_id, summed.period_ordinal, summed.rule_key, summed.closing_ordinal
        order by
            periods.period_ended_at > rules.valid_from desc,
            rules.valid_from desc,
            rules.recorded_at desc,
            rules.rule_version asc
    ) = 1
),

charged as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        period_ordinal as billed_ordinal,
        'rule' as kind,
        rule_key as item_key,
        rule_name as item_name,
        catalog_order,
        {{ null_of('int') }} as tier_number,
        {{ null_of('string') }} as tier_name,
        {{ null_of('decimal(19, 6)') }} as tier_lower_bound,
        {{ null_of('decimal(19, 6)') }} as tier_upper_bound,
        {{ null_of('string') }} as element_value,
        event_count::decimal(25, 12) as quantity,
        {{ null_of('decimal(18, 12)') }} as unit_rate,
        {{ null_of('decimal(28, 4)') }} as fixed_amount,
        {{ null_of('decimal(13, 12)') }} as fraction,
        amount as exact_amount,
        {{ null_of('decimal(25, 12)') }} as usage_quantity,
        event_count as usage_event_count,
        {{ null_of('bigint') }} as unpriced_event_count
    from named
)

select * from charged
