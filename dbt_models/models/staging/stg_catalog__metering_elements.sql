with

metering_elements as (select * from {{ source('catalog', 'catalog_metering_elements') }}),

known as (
    select
        element,
        element_type,
        {{ utc('recorded_at') }} as recorded_at,
        row_hash
    from metering_elements
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

first_recorded as (
    select * from known
    qualify row_number() over (partition by element order by recorded_at, row_hash) = 1
)

select * from first_recorded
