with

recipients as (select * from {{ source('catalog', 'catalog_product_recipients') }}),

known as (
    select
        product_id,
        recipient_keys,
        row_hash,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from recipients
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

latest as (
    select * from known
    qualify row_number() over (
        partition by product_id, valid_from order by recorded_at desc, row_hash asc
    ) = 1
)

select * from latest
