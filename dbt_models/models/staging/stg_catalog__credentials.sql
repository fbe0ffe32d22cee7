{#
    The mapping of a credential to a subscription holds from valid_from until valid_to, as far as is
    known from recorded_at until a later row superseded it.
#}
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
        {{ utc('recorded_at') }} as recorded_at
    from credentials
),

known as (
    select
        *,
        lead(recorded_at) over (
            partition by credential_key, subscription_id, valid_from
            order by recorded_at asc, row_hash desc
        ) as superseded_at
    from renamed
    where recorded_at <= {{ as_of() }}
)

select * from known
