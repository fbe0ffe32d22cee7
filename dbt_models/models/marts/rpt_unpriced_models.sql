with

events as (
    select
        *,
        case when cost_origin = 'unpriced' then 'no price' else 'unreadable tokens' end as reason
    from {{ ref('fct_events') }}
    where cost_origin in ('unpriced', 'unreadable')
),

final as (
    select
        {{ surrogate_key(['provider', 'model', 'reason']) }} as unpriced_model_id,
        provider,
        model,
        reason,
        count(*) as event_count,
        sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::bigint as total_tokens
    from events
    group by provider, model, reason
)

select * from final
