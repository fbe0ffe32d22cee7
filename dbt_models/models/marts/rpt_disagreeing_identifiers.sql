with

disagreeing as (select * from {{ ref('int_identifiers__disagreeing') }}),

final as (
    select
        {{ surrogate_key(['subscription_id', 'other_subscription_id', 'source_id']) }}
            as disagreement_id,
        subscription_id,
        other_subscription_id,
        source_id,
        count(*) as event_count,
        min(event_key) as example_event_key
    from disagreeing
    group by subscription_id, other_subscription_id, source_id
)

select * from final
