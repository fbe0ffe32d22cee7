{#
    One row per content of an AI event and terms that bill its cost: the cost in the currency of the
    product, by the rate of the day that the event occurred, chosen as a price is: among those
    recorded by the cut-off of its period, else the first recorded later (R37). Without a rate there
    is no cost, nor where it is too large for a bill: it is held and reported.
#}
with

costed as (select * from {{ ref('int_events__costed') }}),

versions as (select * from {{ ref('int_events__versions') }}),

attributed as (
    select
        event_version_id,
        subscription_id,
        period_ordinal,
        known_from
    from {{ ref('int_events__attributed') }}
    where status = 'billable'
),

periods as (select * from {{ ref('int_periods__closed') }}),

exchange_rates as (select * from {{ ref('stg_catalog__exchange_rates') }}),

owed as (
    select
        costed.event_version_id,
        costed.cost_amount,
        costed.cost_known_at,
        versions.occurred_at,
        periods.terms_id,
        periods.currency,
        min_by(periods.cut_off_at, (attributed.known_from, periods.cut_off_at)) as cut_off_at
    from attributed
    inner join costed on attributed.event_version_id = costed.event_version_id
    inner join versions on attributed.event_version_id = versions.event_version_id
    inner join periods
        on
            attributed.subscription_id = periods.subscription_id
            and attributed.period_ordinal = periods.period_ordinal
    group by
        costed.event_version_id,
        costed.cost_amount,
        costed.cost_known_at,
        versions.occurred_at,
        periods.terms_id,
        periods.currency
),

offered as (
    select
        owed.*,
        exchange_rates.per_usd,
        exchange_rates.valid_from,
        exchange_rates.recorded_at,
        exchange_rates.recorded_at < owed.cut_off_at as is_in_time
    from owed
    inner join exchange_rates
        on
            owed.currency = exchange_rates.currency
            and owed.occurred_at >= exchange_rates.valid_from
    where owed.currency <> 'USD'
),

converted as (
    select * from offered
    qualify row_number() over (
        partition by event_version_id, terms_id
        order by
            is_in_time desc,
            case when not is_in_time then recorded_at end asc nulls first,
            valid_from desc,
            recorded_at desc,
            per_usd asc
    ) = 1
),

exchanged as (
    select
        owed.event_version_id,
        owed.terms_id,
        case
            when owed.currency = 'USD' then owed.cost_amount
            else {{ exchanged_cost('owed.cost_amount', 'converted.per_usd') }}
        end::decimal(25, 12) as cost_amount,
        owed.currency = 'USD' or converted.per_usd is not null as is_rate_known,
        greatest(owed.cost_known_at, converted.recorded_at) as cost_known_at
    from owed
    left outer join converted
        on
            owed.event_version_id = converted.event_version_id
            and owed.terms_id = converted.terms_id
)

select * from exchanged
