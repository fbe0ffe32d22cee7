with

closed as (select * from {{ ref('int_usage__closed') }}),

final as (
    select
        {{ surrogate_key(['event_key', 'kind', 'metric_key', 'element']) }} as rated_event_id,
        event_key,
        subscription_id,
        kind,
        metric_key,
        element,
        element_value,
        period_ordinal,
        closing_ordinal,
        quantity
    from closed
)

select * from final
