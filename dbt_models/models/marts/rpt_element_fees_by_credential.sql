{#
    A value's first occurrence is that among the events of the closing that first billed it (R41): a
    fee that is out stays with its credential, also when an earlier event of another comes late.
#}
with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where
        kind = 'element_fee'
        and closing_ordinal is not null
        and removed_ordinal is null
        and period_ordinal > 0
),

charges as (
    select
        *,
        {{ ascii_lower(trimmed('element_value')) }} as match_value
    from {{ ref('int_charges__unioned') }}
    where kind = 'element_fee'
),

events as (select * from {{ ref('fct_events') }}),

first_occurrences as (
    select
        subscription_id,
        period_ordinal,
        item_key as element,
        match_value,
        min_by(
            event_key, (closing_ordinal, occurred_at, source_id, event_id, element_value)
        ) as event_key
    from closed
    group by subscription_id, period_ordinal, item_key, match_value
),

fees as (
    select * from charges
    qualify row_number() over (
        partition by subscription_id, period_ordinal, item_key, match_value
        order by closing_ordinal desc
    ) = 1
),

final as (
    select
        {{ surrogate_key([
            'fees.subscription_id', 'fees.period_ordinal', 'fees.item_key', 'fees.match_value',
        ]) }} as element_fee_id,
        fees.subscription_id,
        fees.period_ordinal,
        fees.item_key as element,
        fees.element_value,
        events.credential_name,
        first_occurrences.event_key,
        fees.currency,
        fees.amount
    from first_occurrences
    inner join fees
        on
            first_occurrences.subscription_id = fees.subscription_id
            and first_occurrences.period_ordinal = fees.period_ordinal
            and first_occurrences.element = fees.item_key
            and first_occurrences.match_value = fees.match_value
    inner join events on first_occurrences.event_key = events.event_key
)

select * from final
