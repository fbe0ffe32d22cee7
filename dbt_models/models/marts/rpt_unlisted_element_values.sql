with

unlisted as (select * from {{ ref('int_element_values__unlisted') }}),

final as (
    select
        {{ surrogate_key(['product_name', 'element', 'match_value']) }} as unlisted_value_id,
        product_name,
        element,
        min(element_value) as element_value,
        count(*) as period_count
    from unlisted
    group by product_name, element, match_value
)

select * from final
