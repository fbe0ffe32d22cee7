with

credentials as (select * from {{ ref('int_credentials__latest') }}),

final as (
    select
        credential_id,
        credential_key,
        credential_name,
        subscription_id
    from credentials
)

select * from final
