{# One row per distinct value of a fee's element in a period: the closing that saw it first. #}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind = 'element_fee' and closing_ordinal is not null
),

first_seen as (
    select
        subscription_id,
        period_ordinal,
        element,
        match_value,
        min_by(element_value, (closing_ordinal, element_value)) as element_value,
        min(closing_ordinal) as closing_ordinal
    from closed
    group by subscription_id, period_ordinal, element, match_value
)

select * from first_seen
