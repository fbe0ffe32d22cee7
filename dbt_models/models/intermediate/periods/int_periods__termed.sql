{#
    One row per period with the terms in force at its start (R25), as far as they were known when it
    was first charged for: at its closing, or, if it is paid in advance, at the closing before. From
    the first boundary on an upgrade brings the terms of another version, if both were known then
    (R45). A trial closes without grace: what comes after it is charged at its end.
#}
with

periods as (select * from {{ ref('int_periods__generated') }}),

products as (select * from {{ ref('stg_catalog__products') }}),

upgrades as (select * from {{ ref('stg_catalog__upgrades') }}),

currencies as (select * from {{ ref('currencies') }}),

paid_in_advance as (
    select distinct terms_id
    from {{ ref('stg_catalog__recurring_charges') }}
    where bill = 'in_advance'
),

bought as (select distinct terms_id from {{ ref('stg_catalog__one_time_charges') }}),

upgraded as (
    select
        periods.subscription_id,
        periods.grid_ordinal,
        upgrades.product_id
    from periods
    inner join upgrades
        on
            periods.subscription_id = upgrades.subscription_id
            and periods.period_started_at >= upgrades.valid_from
    inner join products
        on
            upgrades.product_id = products.product_id
            and periods.period_started_at >= products.valid_from
    where
        greatest(upgrades.recorded_at, products.recorded_at)
        <= greatest(periods.period_started_at, periods.opened_known_at)
    qualify row_number() over (
        partition by periods.subscription_id, periods.grid_ordinal
        order by upgrades.valid_from desc, upgrades.recorded_at desc
    ) = 1
),

versioned as (
    select
        periods.* {{ without([
            'product_id',
            'terms_id',
            'currency',
            'grace_seconds',
        ]) }},
        coalesce(upgraded.product_id, periods.product_id) as product_id
    from periods
    left outer join upgraded
        on
            periods.subscription_id = upgraded.subscription_id
            and periods.grid_ordinal = upgraded.grid_ordinal
),

candidates as (
    select
        versioned.*,
        products.terms_id,
        products.product_name,
        products.currency,
        products.net_days,
        products.is_analytics_only,
        products.valid_from as terms_valid_from,
        products.recorded_at as terms_recorded_at,
        case
            when versioned.step_minutes > 0 or versioned.grid_ordinal = 0 then 0
            else products.grace_seconds
        end as grace_seconds,
        bool_or(
            (
                paid_in_advance.terms_id is not null
                or (versioned.grid_ordinal = 1 and bought.terms_id is not null)
            )
            and products.recorded_at <= greatest(
                versioned.period_ended_at + products.grace_seconds * interval '1' second,
                versioned.opened_known_at
            )
        ) over (partition by versioned.subscription_id, versioned.grid_ordinal)
            as is_paid_in_advance
    from versioned
    inner join products
        on
            versioned.product_id = products.product_id
            and versioned.period_started_at >= products.valid_from
    left outer join paid_in_advance on products.terms_id = paid_in_advance.terms_id
    left outer join bought on products.terms_id = bought.terms_id
),

limited as (
    select
        *,
        greatest(period_ended_at + grace_seconds * interval '1' second, opened_known_at)
            as cut_off_at
    from candidates
),

in_force as (
    select
        *,
        terms_recorded_at <= case
            when is_paid_in_advance
                then greatest(
                    period_started_at
                    + case
                        when grid_ordinal > 1 or change = 'now' then grace_seconds else 0
                    end
                    * interval '1' second,
                    opened_known_at
                )
            else cut_off_at
        end as is_known_in_time
    from limited
    qualify row_number() over (
        partition by subscription_id, grid_ordinal
        order by
            is_known_in_time desc,
            case when is_known_in_time then terms_valid_from end desc nulls last,
            case when is_known_in_time then terms_recorded_at end desc nulls last,
            terms_recorded_at asc,
            terms_id asc
    ) = 1
),

termed as (
    select
        in_force.*,
        currencies.minor_unit
    from in_force
    inner join currencies on in_force.currency = currencies.currency
    where in_force.terms_recorded_at <= in_force.cut_off_at
)

select * from termed
