with

unit_prices as (select * from {{ source('catalog', 'unit_prices') }}),

known as (
    select
        provider,
        model,
        unit,
        usd_per_unit,
        row_hash,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from unit_prices
    where {{ utc('recorded_at') }} < {{ as_of() }}
)

select * from known
