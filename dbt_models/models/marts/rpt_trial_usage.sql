with

charges as (
    select * from {{ ref('int_charges__unioned') }}
    where period_ordinal = 0
),

latest as (
    select
        subscription_id,
        kind,
        item_key,
        max(closing_ordinal) as closing_ordinal
    from charges
    group by subscription_id, kind, item_key
),

final as (
    select
        {{ surrogate_key(['charges.subscription_id', 'charges.kind', 'charges.item_key']) }}
            as trial_usage_id,
        charges.subscription_id,
        charges.kind,
        charges.item_key,
        min(charges.item_name) as item_name,
        min(charges.currency) as currency,
        sum(charges.quantity)::decimal(25, 12) as quantity,
        sum(charges.amount)::decimal(28, 4) as would_be_amount
    from charges
    inner join latest
        on
            charges.subscription_id = latest.subscription_id
            and charges.kind = latest.kind
            and charges.item_key = latest.item_key
            and charges.closing_ordinal = latest.closing_ordinal
    group by charges.subscription_id, charges.kind, charges.item_key
)

select * from final
