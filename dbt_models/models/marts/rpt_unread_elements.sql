with

unread as (select * from {{ ref('int_elements__unread') }}),

final as (
    select
        {{ surrogate_key(['product_name', 'metric_key', 'element', 'source_id']) }}
            as unread_element_id,
        product_name,
        min(metric_name) as metric_name,
        element,
        source_id,
        count(*) filter (where not is_there) as absent_event_count,
        count(*) filter (where is_there) as unreadable_event_count
    from unread
    group by product_name, metric_key, element, source_id
)

select * from final
