with

events as (select * from {{ ref('fct_events') }}),

daily as (
    select
        occurred_at::date as usage_date,
        product_id,
        product_name,
        organization_name,
        source_id,
        model,
        credential_name,
        status,
        count(*) as event_count,
        sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::bigint as total_tokens,
        sum(cost_amount)::decimal(36, 12) as cost_amount,
        count(*) filter (where cost_origin in ('unpriced', 'unreadable')) as unpriced_event_count
    from events
    group by
        occurred_at::date,
        product_id,
        product_name,
        organization_name,
        source_id,
        model,
        credential_name,
        status
),

final as (
    select
        {{ surrogate_key([
            'usage_date', 'product_id', 'product_name', 'organization_name', 'source_id', 'model',
            'credential_name', 'status',
        ]) }} as usage_daily_id,
        *
    from daily
)

select * from final
