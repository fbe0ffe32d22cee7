with

subscribers as (select * from {{ ref('int_subscribers__seen') }}),

final as (
    select
        subscriber_seen_id,
        subscriber_key,
        email_key,
        origin,
        recorded_at
    from subscribers
)

select * from final
