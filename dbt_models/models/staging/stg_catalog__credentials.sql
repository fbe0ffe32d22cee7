{# The mapping of a credential to a subscription holds from valid_from until valid_to. #}
with

credentials as (select * from {{ source('catalog', 'catalog_credentials') }}),

renamed as (
    select
        credential_key,
        credential_name,
        subscription_id,
        row_hash,
        {{ utc('valid_from') }} as valid_from,
        {{ utc('valid_to') }} as valid_to,
        {{ utc('recorded_at') }} as version_recorded_at
    from credentials
),

known as (
    select
        *,
        min(version_recorded_at) over (
            partition by credential_key, subscription_id, valid_from
        ) as recorded_at
    from renamed
    where version_recorded_at < {{ as_of() }}
),

latest as (
    select * from known
    qualify row_number() over (
        partition by credential_key, subscription_id, valid_from
        order by version_recorded_at desc, row_hash asc
    ) = 1
)

select * from latest
