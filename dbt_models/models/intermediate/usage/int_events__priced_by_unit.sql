{#
    One row per content of an AI event whose images, seconds, characters, tokens or credits have a
    price of the deployment's own, with its cost in USD. The event's billingUnit says what is counted;
    without one, the first family of units that has a price. Every quantity of it must be readable and
    priced, else there is no cost. Prices are chosen as those of tokens are: among what was recorded
    by the cut-off of the event's period, or by when it became known; else the first recorded later.
#}
with

prices as (select * from {{ ref('stg_prices__unit_prices') }}),

units as (select * from {{ ref('price_units') }}),

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
        periods.cut_off_at
    from events
    semi join prices on events.provider = prices.provider and events.model = prices.model
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
    where priceable.billing_unit is null or billing_units.family is not null
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
)

select * from priced
