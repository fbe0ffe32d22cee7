{# The public list and the deployment's overrides in one form: a row has all prices of a model. #}
with

listed as (select * from {{ source('metering', 'ai_prices') }}),

overrides as (select * from {{ source('catalog', 'ai_price_overrides') }}),

unioned as (
    select
        'list' as origin,
        provider,
        model,
        rule_order,
        above_input_tokens,
        day_from_second,
        day_until_second,
        usd_per_input_token,
        usd_per_cache_read_token,
        usd_per_cache_creation_token,
        usd_per_output_token,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from listed
    union all
    select
        'override' as origin,
        provider,
        model,
        0 as rule_order,
        min_input_tokens - 1 as above_input_tokens,
        null::int as day_from_second,
        null::int as day_until_second,
        usd_per_input_token,
        usd_per_cache_read_token,
        usd_per_cache_write_token as usd_per_cache_creation_token,
        usd_per_output_token,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from overrides
),

known as (
    select
        {{ surrogate_key([
            'origin', 'provider', 'model', 'rule_order', 'above_input_tokens',
            'valid_from', 'recorded_at',
        ]) }} as price_id,
        *
    from unioned
    where recorded_at < {{ as_of() }}
)

select * from known
