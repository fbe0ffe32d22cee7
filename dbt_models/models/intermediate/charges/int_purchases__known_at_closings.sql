{#
    One row per one-time charge or setup fee of a closing invoice and closing that bills it or that
    knows more about it: whether it is owed then, also if it was billed otherwise (R46, R47). A fee per
    client is owed by the first that is not known to have given it up; what stands on a void invoice
    itself counts as billed, and stays (R51).
#}
with

closings as (select * from {{ ref('int_closings__scheduled') }}),

planned as (
    select * from {{ ref('int_purchases__planned') }}
    where billed_ordinal >= 0
),

given_up as (select * from {{ ref('int_purchases__given_up') }}),

voided as (
    select
        subscription_id,
        known_from as voided_at
    from given_up
    where is_void
),

spans as (
    select
        subscription_id,
        kind,
        charge_key,
        place,
        known_from,
        known_until
    from given_up
    where not is_void
    union all
    select
        planned.subscription_id,
        planned.kind,
        planned.charge_key,
        earlier.place,
        earlier.known_from,
        earlier.known_until
    from planned
    inner join given_up as earlier
        on planned.client_key = earlier.client_key and planned.place > earlier.place
),

news as (
    select
        subscription_id,
        kind,
        charge_key,
        known_from as known_at
    from spans
    union distinct
    select
        subscription_id,
        kind,
        charge_key,
        known_until as known_at
    from spans
    where known_until is not null
),

later as (
    select
        planned.subscription_id,
        planned.kind,
        planned.charge_key,
        news.known_at,
        min(closings.closing_ordinal) as closing_ordinal
    from planned
    inner join news
        on
            planned.subscription_id = news.subscription_id
            and planned.kind = news.kind
            and planned.charge_key = news.charge_key
            and planned.cut_off_at <= news.known_at
            and planned.opened_known_at < news.known_at
    inner join closings
        on
            planned.subscription_id = closings.subscription_id
            and planned.billed_ordinal < closings.closing_ordinal
            and news.known_at < closings.cut_off_at
    left outer join voided
        on planned.subscription_id = voided.subscription_id and planned.kind = 'setup'
    where voided.voided_at is null or closings.cut_off_at <= voided.voided_at
    group by planned.subscription_id, planned.kind, planned.charge_key, news.known_at
),

at_closings as (
    select
        *,
        billed_ordinal as closing_ordinal
    from planned
    union distinct
    select
        planned.*,
        later.closing_ordinal
    from planned
    inner join later
        on
            planned.subscription_id = later.subscription_id
            and planned.kind = later.kind
            and planned.charge_key = later.charge_key
),

doubted as (
    select
        at_closings.subscription_id,
        at_closings.kind,
        at_closings.charge_key,
        at_closings.closing_ordinal,
        bool_or(at_closings.place = spans.place) as is_cancelled,
        count(distinct spans.place) as place_count
    from at_closings
    inner join closings
        on
            at_closings.subscription_id = closings.subscription_id
            and at_closings.closing_ordinal = closings.closing_ordinal
    inner join spans
        on
            at_closings.subscription_id = spans.subscription_id
            and at_closings.kind = spans.kind
            and at_closings.charge_key = spans.charge_key
            and {{ known_at('spans', 'closings') }}
    group by
        at_closings.subscription_id,
        at_closings.kind,
        at_closings.charge_key,
        at_closings.closing_ordinal
),

known as (
    select
        at_closings.subscription_id,
        at_closings.terms_id,
        1 as period_ordinal,
        at_closings.closing_ordinal,
        at_closings.billed_ordinal,
        at_closings.kind,
        at_closings.charge_key,
        at_closings.charge_name,
        at_closings.catalog_order,
        at_closings.full_amount,
        not coalesce(doubted.is_cancelled, false)
        and at_closings.place - 1 = coalesce(doubted.place_count, 0) as is_charged
    from at_closings
    left outer join doubted
        on
            at_closings.subscription_id = doubted.subscription_id
            and at_closings.kind = doubted.kind
            and at_closings.charge_key = doubted.charge_key
            and at_closings.closing_ordinal = doubted.closing_ordinal
)

select * from known
