{# One row per distinct value in a period that no fee charges for: it is reported, not billed. #}
with

standing as (
    select * from {{ ref('int_element_values__counted_to_closings') }}
    where standing_count > 0
    qualify row_number() over (
        partition by subscription_id, period_ordinal, element, match_value
        order by closing_ordinal desc
    ) = 1
),

charges as (select * from {{ ref('int_charges__distinct_elements') }}),

periods as (select * from {{ ref('int_periods__closed') }}),

charged as (
    select
        subscription_id,
        period_ordinal,
        item_key as element,
        {{ ascii_lower(trimmed('element_value')) }} as match_value
    from charges
),

uncharged as (
    select standing.*
    from standing
    anti join charged
        on
            standing.subscription_id = charged.subscription_id
            and standing.period_ordinal = charged.period_ordinal
            and standing.element = charged.element
            and standing.match_value = charged.match_value
),

unlisted as (
    select
        uncharged.subscription_id,
        uncharged.period_ordinal,
        uncharged.element,
        uncharged.match_value,
        uncharged.element_value,
        periods.product_name
    from uncharged
    inner join periods
        on
            uncharged.subscription_id = periods.subscription_id
            and uncharged.period_ordinal = periods.period_ordinal
)

select * from unlisted
