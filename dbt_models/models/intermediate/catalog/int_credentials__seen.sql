{#
    One row per credential of a subscription: of the catalogue, else taught by a record. A credential
    that the catalogue knows is its alone.
#}
with

latest as (select * from {{ ref('int_credentials__latest') }}),

taught as (select * from {{ ref('int_credentials__taught') }}),

seen as (
    select
        credential_id,
        credential_key,
        credential_name,
        subscription_id,
        'catalog' as origin,
        recorded_at
    from latest
    union all
    select
        taught.credential_id,
        taught.credential_key,
        taught.credential_name,
        taught.subscription_id,
        'auto' as origin,
        taught.taught_at as recorded_at
    from taught
    anti join latest on taught.credential_key = latest.credential_key
)

select * from seen
