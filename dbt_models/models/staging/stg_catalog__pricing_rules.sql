with

pricing_rules as (select * from {{ source('catalog', 'catalog_pricing_rules') }}),

known as (
    select
        row_hash as rule_version,
        product_id,
        rule_key,
        name as rule_name,
        catalog_order,
        priority,
        mode,
        note,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('valid_to') }} as valid_to,
        min({{ utc('recorded_at') }}) as recorded_at
    from pricing_rules
    where {{ utc('recorded_at') }} <= {{ as_of() }}
    group by all
)

select * from known
