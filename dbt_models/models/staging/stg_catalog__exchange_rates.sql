with

exchange_rates as (select * from {{ source('catalog', 'catalog_exchange_rates') }}),

known as (
    select
        currency,
        per_usd,
        row_hash,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from exchange_rates
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

distinct_rates as (
    select * from known
    qualify row_number() over (
        partition by currency, valid_from, recorded_at order by row_hash asc
    ) = 1
)

select * from distinct_rates
