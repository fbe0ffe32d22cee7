{#
    One row per content of an AI event whose images, seconds, characters, tokens or credits have a
    price of the deployment's own, with its cost in USD, and since when prices of units claim its
    tokens: from the first that one of its kinds of tokens has, no other price is theirs. The event's billingUnit says what is counted;
    without one, the first family of units that has a price. Every quantity of it must be readable and
    priced, else there is no cost. Prices are chosen as those of tokens are: among what was recorded
    by the cut-off of the event's period, or by when it became known; else the first recorded later.
    Tokens read from a cache are within the input of some providers, and beside it of the others.
#}
with

prices as (select * from {{ ref('stg_prices__unit_prices') }}),

units as (select * from {{ ref('price_units') }}),

providers as (select * from {{ ref('ai_providers') }}),

families as (
    select distinct
        element,
        family,
        family_order
    from units
),

billing_units as (
    select distinct
        family,
        billing_unit
    from units
),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where period_ordinal is not null
    qualify row_number() over (partition by event_version_id order by known_from) = 1
),

periods as (select * from {{ ref('int_periods__closed') }}),

events as (
    select
        *,
        {{ ascii_lower(trimmed("elements['billingUnit']")) }} as billing_unit
    from {{ ref('int_events__versions') }}
    where provider is not null and sent_cost is null
),

priceable as (
    select
        events.event_version_id,
        events.provider,
        events.model,
        events.occurred_at,
        events.known_from,
        events.elements,
        events.element_numbers,
        nullif(events.billing_unit, '') as billing_unit,
        coalesce(providers.input_includes_cache_reads, false) as input_includes_cache_reads,
        periods.cut_off_at
    from events
    semi join prices on events.provider = prices.provider and events.model = prices.model
    left outer join providers
        on translate({{ ascii_lower('events.provider') }}, ' .-_', '') = providers.provider
    left outer join attributed on events.event_version_id = attributed.event_version_id
    left outer join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
),

measured as (
    select
        priceable.event_version_id,
        priceable.provider,
        priceable.model,
        priceable.occurred_at,
        priceable.known_from,
        priceable.cut_off_at,
        priceable.billing_unit,
        families.element,
        families.family,
        families.family_order,
        case
            when priceable.element_numbers[families.element] >= 0
                then priceable.element_numbers[families.element]
        end as quantity
    from priceable
    inner join families on priceable.elements[families.element] <> ''
    left outer join billing_units
        on
            families.family = billing_units.family
            and priceable.billing_unit = billing_units.billing_unit
    where
        (priceable.billing_unit is null or billing_units.family is not null)
        and not (
            priceable.input_includes_cache_reads and families.element = 'cacheReadTokenCount'
        )
),

offered as (
    select
        measured.event_version_id,
        measured.element,
        prices.usd_per_unit,
        units.units_of_price,
        prices.recorded_at,
        prices.valid_from,
        prices.row_hash,
        units.unit,
        coalesce(units.billing_unit = measured.billing_unit, false) as is_billing_unit,
        prices.recorded_at <= measured.known_from
        or coalesce(prices.recorded_at < measured.cut_off_at, false) as is_in_time
    from measured
    inner join units on measured.element = units.element and measured.family = units.family
    inner join prices
        on
            measured.provider = prices.provider
            and measured.model = prices.model
            and units.unit = prices.unit
            and measured.occurred_at >= prices.valid_from
),

chosen as (
    select * from offered
    qualify row_number() over (
        partition by event_version_id, element
        order by
            is_in_time desc,
            case when not is_in_time then recorded_at end asc nulls first,
            is_billing_unit desc,
            unit = 'token' asc,
            unit desc,
            valid_from desc,
            recorded_at desc,
            row_hash asc
    ) = 1
),

costed as (
    select
        measured.event_version_id,
        measured.family,
        measured.family_order,
        measured.known_from,
        chosen.is_in_time,
        chosen.recorded_at,
        case
            when measured.quantity = 0 then 0
            else
                {{ unit_cost(
                    'measured.quantity', 'chosen.usd_per_unit', 'chosen.units_of_price'
                ) }}
        end::decimal(25, 12) as cost_amount
    from measured
    left outer join chosen
        on
            measured.event_version_id = chosen.event_version_id
            and measured.element = chosen.element
),

summed as (
    select
        event_version_id,
        family_order,
        known_from,
        bool_and(coalesce(is_in_time, true)) as is_in_time,
        max(recorded_at) as recorded_at,
        sum(cost_amount)::decimal(25, 12) as cost_amount
    from costed
    group by event_version_id, family_order, known_from
    having count(*) = count(cost_amount) and count(recorded_at) > 0
),

priced as (
    select
        event_version_id,
        is_in_time,
        recorded_at,
        cost_amount,
        greatest(known_from, recorded_at) as known_at
    from summed
    qualify row_number() over (
        partition by event_version_id
        order by
            is_in_time desc,
            case when not is_in_time then recorded_at end asc nulls first,
            family_order asc
    ) = 1
),

claimed as (
    select
        offered.event_version_id,
        bool_or(offered.is_in_time) as are_tokens_claimed_in_time,
        min(offered.recorded_at) as tokens_claimed_at
    from offered
    inner join measured
        on
            offered.event_version_id = measured.event_version_id
            and offered.element = measured.element
    where measured.family = 'token' and coalesce(measured.quantity > 0, true)
    group by offered.event_version_id
),

priced_or_claimed as (
    select
        coalesce(priced.event_version_id, claimed.event_version_id) as event_version_id,
        priced.is_in_time,
        priced.recorded_at,
        priced.cost_amount,
        priced.known_at,
        coalesce(claimed.are_tokens_claimed_in_time, false) as are_tokens_claimed_in_time,
        claimed.tokens_claimed_at
    from priced
    full outer join claimed on priced.event_version_id = claimed.event_version_id
)

select * from priced_or_claimed
