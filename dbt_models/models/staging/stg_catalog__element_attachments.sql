with

element_attachments as (select * from {{ source('catalog', 'catalog_element_attachments') }}),

known as (
    select
        element,
        source_id,
        {{ utc('recorded_at') }} as recorded_at,
        row_hash
    from element_attachments
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

first_recorded as (
    select * from known
    qualify row_number() over (partition by element, source_id order by recorded_at, row_hash) = 1
)

select * from first_recorded
