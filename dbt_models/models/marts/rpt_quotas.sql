with

used as (select * from {{ ref('int_quotas__used') }}),

final as (
    select
        {{ surrogate_key(['subscription_id', 'period_ordinal', 'metric_key']) }} as quota_id,
        subscription_id,
        product_name,
        period_ordinal,
        period_started_at,
        period_ended_at,
        metric_key,
        effect,
        units,
        used_quantity,
        is_exhausted,
        leaked_quantity
    from used
)

select * from final
