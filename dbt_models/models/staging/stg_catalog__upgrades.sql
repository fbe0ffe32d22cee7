with

upgrades as (select * from {{ source('catalog', 'catalog_upgrades') }}),

known as (
    select
        subscription_id,
        product_id,
        row_hash,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('recorded_at') }} as recorded_at
    from upgrades
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

versions as (
    select * from known
    qualify row_number() over (
        partition by subscription_id, valid_from, recorded_at order by row_hash
    ) = 1
)

select * from versions
