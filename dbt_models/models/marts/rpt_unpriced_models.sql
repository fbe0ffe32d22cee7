with

events as (
    select * from {{ ref('fct_events') }}
    where cost_origin = 'unpriced'
),

final as (
    select
        provider || '/' || model as unpriced_model_id,
        provider,
        model,
        count(*) as event_count,
        sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::bigint as total_tokens
    from events
    group by provider, model
)

select * from final
