{#
    One row per thing that was on a void invoice and closing that bills it again: how it stands then,
    and the quantity that its lines add up to with what that closing bills: all of it, unless it bills
    nothing because the amount is the one that is still billed on the others (R51).
#}
with

items as (select * from {{ ref('int_charges__items_at_closings') }}),

voided as (select * from {{ ref('int_invoices__billed_again') }}),

told as (
    select
        *,
        amount - coalesce(lag(amount) over by_closing, 0) as change_amount
    from items
    window
        by_closing as (
            partition by subscription_id, kind, item_key, match_value, period_ordinal
            order by closing_ordinal
        )
),

billed as (
    select
        *,
        quantity - coalesce(lag(quantity) over by_closing, 0) as change_quantity,
        event_count - coalesce(lag(event_count) over by_closing, 0) as change_event_count
    from told
    where closing_ordinal = billed_ordinal or change_amount <> 0
    window
        by_closing as (
            partition by subscription_id, kind, item_key, match_value, period_ordinal
            order by closing_ordinal
        )
),

again as (
    select distinct
        billed.subscription_id,
        billed.kind,
        billed.item_key,
        billed.match_value,
        billed.period_ordinal,
        voided.reissued_ordinal
    from billed
    inner join voided
        on
            billed.subscription_id = voided.subscription_id
            and billed.closing_ordinal = voided.closing_ordinal
),

still_billed as (
    select
        again.subscription_id,
        again.kind,
        again.item_key,
        again.match_value,
        again.period_ordinal,
        again.reissued_ordinal,
        coalesce(sum(billed.change_amount) filter (where voided.closing_ordinal is null), 0)
            as amount,
        coalesce(sum(billed.change_quantity) filter (where voided.closing_ordinal is null), 0)
            as quantity,
        coalesce(sum(billed.change_event_count) filter (where voided.closing_ordinal is null), 0)
            as event_count
    from again
    inner join billed
        on
            again.subscription_id = billed.subscription_id
            and again.kind = billed.kind
            and again.item_key = billed.item_key
            and again.match_value is not distinct from billed.match_value
            and again.period_ordinal = billed.period_ordinal
            and again.reissued_ordinal > billed.closing_ordinal
    left outer join voided
        on
            billed.subscription_id = voided.subscription_id
            and billed.closing_ordinal = voided.closing_ordinal
            and again.reissued_ordinal = voided.reissued_ordinal
    group by
        again.subscription_id,
        again.kind,
        again.item_key,
        again.match_value,
        again.period_ordinal,
        again.reissued_ordinal
),

restated as (
    select
        items.* {{ without(['closing_ordinal']) }},
        still_billed.reissued_ordinal as closing_ordinal,
        case
            when items.amount = still_billed.amount then still_billed.quantity
            else items.quantity
        end::decimal(25, 12) as billed_quantity,
        case
            when items.amount = still_billed.amount then still_billed.event_count
            else items.event_count
        end::bigint as billed_event_count
    from still_billed
    inner join items
        on
            still_billed.subscription_id = items.subscription_id
            and still_billed.kind = items.kind
            and still_billed.item_key = items.item_key
            and still_billed.match_value is not distinct from items.match_value
            and still_billed.period_ordinal = items.period_ordinal
            and still_billed.reissued_ordinal >= items.closing_ordinal
    qualify row_number() over (
        partition by
            items.subscription_id,
            items.kind,
            items.item_key,
            items.match_value,
            items.period_ordinal,
            still_billed.reissued_ordinal
        order by items.closing_ordinal desc
    ) = 1
)

select * from restated
