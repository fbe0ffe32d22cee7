{#
    One row per change of what a period was billed for a thing: the newly rounded amount less what was
    billed before, earlier adjustments included (R33). So tiers, quotas and distinct values end up as
    if everything had been known in time. It may be negative. Its quantity is the difference to the
    last line too, so lines add up to the quantity. What is given back of a charge in advance is a
    credit (R43), unless it was billed again after a void.
#}
with

items as (select * from {{ ref('int_charges__items_at_closings') }}),

voided as (select * from {{ ref('int_invoices__billed_again') }}),

restated as (select * from {{ ref('int_invoices__restated') }}),

unchanged as (
    select items.*
    from items
    anti join restated
        on
            items.subscription_id = restated.subscription_id
            and items.kind = restated.kind
            and items.item_key = restated.item_key
            and items.match_value is not distinct from restated.match_value
            and items.period_ordinal = restated.period_ordinal
            and items.closing_ordinal = restated.closing_ordinal
),

at_closings as (
    select
        * {{ without(['closing_ordinal']) }},
        closing_ordinal,
        quantity as billed_quantity,
        event_count as billed_event_count,
        closing_ordinal = billed_ordinal as is_billed
    from unchanged
    union all
    select
        *,
        true as is_billed
    from restated
),

compared as (
    select
        *,
        coalesce(
            lag(amount) over (
                partition by subscription_id, kind, item_key, match_value, period_ordinal
                order by closing_ordinal
            ),
            0
        ) as known_amount
    from at_closings
),

billed as (
    select * from compared
    where is_billed or amount <> known_amount
),

changes as (
    select
        *,
        lag(closing_ordinal) over by_closing as previous_ordinal,
        lag(amount) over by_closing as previous_amount,
        lag(billed_quantity) over by_closing as previous_quantity,
        (amount - coalesce(lag(amount) over by_closing, 0))::decimal(28, 4) as change_amount,
        (billed_quantity - coalesce(lag(billed_quantity) over by_closing, 0))::decimal(25, 12)
            as change_quantity,
        (billed_event_count - coalesce(lag(billed_event_count) over by_closing, 0))::bigint
            as change_event_count,
        (lag(used_seconds) over by_closing) - used_seconds as unused_seconds
    from billed
    window
        by_closing as (
            partition by subscription_id, kind, item_key, match_value, period_ordinal
            order by closing_ordinal
        )
),

credits as (
    select distinct
        changes.subscription_id,
        changes.kind,
        changes.item_key,
        changes.period_ordinal,
        changes.closing_ordinal
    from changes
    anti join voided
        on
            changes.subscription_id = voided.subscription_id
            and changes.billed_ordinal = voided.closing_ordinal
            and changes.closing_ordinal >= voided.reissued_ordinal
    where changes.kind = 'recurring' and changes.bill = 'in_advance' and changes.change_amount < 0
),

judged as (
    select
        changes.*,
        credits.subscription_id is not null as is_credit
    from changes
    left outer join credits
        on
            changes.subscription_id = credits.subscription_id
            and changes.kind = credits.kind
            and changes.item_key = credits.item_key
            and changes.period_ordinal = credits.period_ordinal
            and changes.closing_ordinal = credits.closing_ordinal
),

adjusted as (
    select
        subscription_id,
        terms_id,
        period_ordinal,
        closing_ordinal,
        billed_ordinal,
        previous_ordinal,
        case when is_credit then 'credit' else 'adjustment' end as kind,
        kind as adjusted_kind,
        item_key,
        item_name,
        catalog_order,
        element_value,
        change_quantity as quantity,
        case when is_credit then {{ share('unused_seconds', 'full_seconds') }} end as fraction,
        change_amount as amount,
        case when kind = 'usage' then change_quantity end as usage_quantity,
        case when kind = 'usage' then change_event_count end as usage_event_count,
        case when kind = 'usage' then previous_quantity end as previous_quantity,
        coalesce(previous_amount, 0)::decimal(28, 4) as previous_amount
    from judged
    where closing_ordinal > billed_ordinal
)

select * from adjusted
