with

credentials as (select * from {{ ref('int_credentials__seen') }}),

final as (
    select
        credential_id,
        credential_key,
        credential_name,
        subscription_id,
        origin,
        recorded_at
    from credentials
)

select * from final
