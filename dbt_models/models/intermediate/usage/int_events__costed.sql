{#
    One row per content of an event that costs something, with its cost in USD: as sent, else its
    quantity or its tokens times the price that was valid when it occurred, the deployment's own
    before the public list. It is chosen among those recorded by the cut-off of the event's period, or
    by when a late event became known; if there was none, the first recorded later counts. So a later
    price never changes a cost that an invoice has used (R1). Without a price the cost is null, never
    0, and so is one too large for a bill. Tokens cost nothing by themselves where the sender bills by
    another unit, nor where one kind of them is priced by unit and another is not.
#}
with

events as (
    select * from {{ ref('int_events__versions') }}
    where provider is not null or sent_cost is not null
),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    where period_ordinal is not null
    qualify row_number() over (partition by event_version_id order by known_from) = 1
),

periods as (select * from {{ ref('int_periods__closed') }}),

prices as (select * from {{ ref('stg_prices__ai_prices') }}),

by_unit as (select * from {{ ref('int_events__priced_by_unit') }}),

providers as (select * from {{ ref('ai_providers') }}),

tokens as (
    select
        events.event_version_id,
        events.provider,
        events.model,
        events.occurred_at,
        events.known_from as known_at,
        periods.cut_off_at,
        events.sent_cost,
        events.cache_read_tokens,
        events.cache_creation_tokens,
        events.output_tokens,
        coalesce(
            {{ ascii_lower(trimmed("events.elements['billingUnit']")) }} in ('', 'per_token'), true
        ) as is_by_token,
        coalesce(
            events.elements['billingUnit'],
            events.elements['actualImageCount'],
            events.elements['durationSeconds'],
            events.elements['characterCount'],
            events.elements['creditsConsumed']
        ) is not null as is_by_unit,
        case
            when
                providers.input_includes_cache_reads
                and events.input_tokens < events.cache_read_tokens
                then 0
            when providers.input_includes_cache_reads
                then events.input_tokens - events.cache_read_tokens
            else events.input_tokens
        end as input_tokens,
        (
            hour(events.occurred_at) * 3600 + minute(events.occurred_at) * 60
            + second(events.occurred_at)
        )::int as second_of_day
    from events
    left outer join providers
        on translate({{ ascii_lower('events.provider') }}, ' .-_', '') = providers.provider
    left outer join attributed on events.event_version_id = attributed.event_version_id
    left outer join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
),

offered as (
    select
        tokens.event_version_id,
        prices.price_id,
        prices.origin,
        prices.valid_from,
        prices.recorded_at,
        prices.rule_order,
        prices.above_input_tokens,
        prices.recorded_at <= tokens.known_at
        or coalesce(prices.recorded_at < tokens.cut_off_at, false) as is_in_time,
        {{ token_cost('tokens.input_tokens', 'prices.usd_per_input_token') }}
        + {{ token_cost('tokens.cache_read_tokens', 'prices.usd_per_cache_read_token') }}
        + {{ token_cost('tokens.cache_creation_tokens', 'prices.usd_per_cache_creation_token') }}
        + {{ token_cost('tokens.output_tokens', 'prices.usd_per_output_token') }} as cost_amount,
        greatest(tokens.known_at, prices.recorded_at) as known_at
    from tokens
    inner join prices
        on
            tokens.provider = prices.provider
            and tokens.model = prices.model
            and tokens.occurred_at >= prices.valid_from
            and tokens.input_tokens + tokens.cache_read_tokens + tokens.cache_creation_tokens
            > prices.above_input_tokens
            and (
                prices.day_from_second is null
                or (
                    prices.day_from_second <= prices.day_until_second
                    and tokens.second_of_day >= prices.day_from_second
                    and tokens.second_of_day < prices.day_until_second
                )
                or (
                    prices.day_from_second > prices.day_until_second
                    and (
                        tokens.second_of_day >= prices.day_from_second
                        or tokens.second_of_day < prices.day_until_second
                    )
                )
            )
    left outer join by_unit on tokens.event_version_id = by_unit.event_version_id
    where
        tokens.sent_cost is null
        and tokens.is_by_token
        and not coalesce(by_unit.are_tokens_claimed_in_time, false)
        and (
            by_unit.tokens_claimed_at is null
            or prices.recorded_at < by_unit.tokens_claimed_at
            or prices.recorded_at <= tokens.known_at
            or coalesce(prices.recorded_at < tokens.cut_off_at, false)
        )
    union all
    select
        event_version_id,
        {{ null_of('string') }} as price_id,
        'unit' as origin,
        {{ null_of('timestamp') }} as valid_from,
        recorded_at,
        {{ null_of('int') }} as rule_order,
        {{ null_of('bigint') }} as above_input_tokens,
        is_in_time,
        cost_amount,
        known_at
    from by_unit
    where cost_amount is not null
),

priced as (
    select * from offered
    qualify row_number() over (
        partition by event_version_id
        order by
            is_in_time desc,
            case when not is_in_time then recorded_at end asc nulls first,
            origin desc,
            case when origin = 'override' then valid_from end desc nulls last,
            recorded_at desc,
            rule_order desc,
            above_input_tokens desc,
            price_id asc
    ) = 1
),

costed as (
    select
        tokens.event_version_id,
        tokens.provider,
        tokens.model,
        tokens.input_tokens,
        tokens.output_tokens,
        case
            when tokens.sent_cost is not null then tokens.sent_cost
            when {{ fits_a_bill('priced.cost_amount') }} then priced.cost_amount
        end::decimal(25, 12) as cost_amount,
        case
            when tokens.sent_cost is not null then 'sent'
            when {{ fits_a_bill('priced.cost_amount') }} then priced.origin
            when tokens.is_by_unit then 'unpriced'
            when
                tokens.input_tokens + tokens.output_tokens + tokens.cache_read_tokens
                + tokens.cache_creation_tokens is null
                then 'unreadable'
            else 'unpriced'
        end as cost_origin,
        coalesce(priced.known_at, tokens.known_at) as cost_known_at
    from tokens
    left outer join priced on tokens.event_version_id = priced.event_version_id
)

select * from costed
