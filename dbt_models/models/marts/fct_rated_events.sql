with

closed as (
    select * from {{ ref('int_usage__closed') }}
    where kind in ('usage', 'element_fee', 'rule')
),

final as (
    select
        {{ surrogate_key([
            'event_version_id', 'subscription_id', 'kind', 'item_key', 'known_from', 'closing_ordinal',
        ]) }} as rated_event_id,
        event_key,
        subscription_id,
        kind,
        case when kind = 'usage' then item_key end as metric_key,
        case when kind = 'element_fee' then item_key end as element,
        element_value,
        case when kind = 'rule' then item_key end as rule_key,
        period_ordinal,
        closing_ordinal,
        removed_ordinal,
        quantity,
        rule_amount
    from closed
)

select * from final
