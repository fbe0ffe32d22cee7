with

elements as (select * from {{ ref('int_metering_elements__seen') }}),

final as (
    select
        metering_element_id,
        element,
        source_id,
        element_type,
        origin,
        recorded_at
    from elements
)

select * from final
