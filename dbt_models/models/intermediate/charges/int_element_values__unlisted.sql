{# One row per distinct value in a period that no fee charges for: it is reported, not billed. #}
with

first_seen as (select * from {{ ref('int_element_values__first_seen') }}),

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
    select first_seen.*
    from first_seen
    anti join charged
        on
            first_seen.subscription_id = charged.subscription_id
            and first_seen.period_ordinal = charged.period_ordinal
            and first_seen.element = charged.element
            and first_seen.match_value = charged.match_value
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
