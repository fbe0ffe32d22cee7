{# One row per credential of a subscription, under the name that it has now. #}
with

credentials as (select * from {{ ref('stg_catalog__credentials') }}),

dated as (
    select
        *,
        min(recorded_at) over (partition by credential_key, subscription_id) as first_recorded_at
    from credentials
),

latest as (
    select
        {{ surrogate_key(['credential_key', 'subscription_id']) }} as credential_id,
        credential_key,
        credential_name,
        subscription_id,
        first_recorded_at as recorded_at
    from dated
    qualify row_number() over (
        partition by credential_key, subscription_id
        order by valid_from desc, recorded_at desc, row_hash asc
    ) = 1
)

select * from latest
