{# One row per subscription with the names that people know it by: of its product and its payer. #}
with

subscriptions as (select * from {{ ref('stg_catalog__subscriptions') }}),

organizations as (select * from {{ ref('stg_catalog__organizations') }}),

product_names as (
    select
        product_id,
        product_name
    from {{ ref('stg_catalog__products') }}
    qualify row_number() over (
        partition by product_id order by valid_from desc, recorded_at desc, terms_id asc
    ) = 1
),

named as (
    select
        subscriptions.subscription_id,
        subscriptions.subscription_name,
        subscriptions.product_id,
        product_names.product_name,
        subscriptions.organization_id,
        coalesce(organizations.organization_name, subscriptions.subscription_name)
            as organization_name,
        subscriptions.subscriber_key,
        subscriptions.started_at,
        subscriptions.ended_at
    from subscriptions
    left outer join product_names on subscriptions.product_id = product_names.product_id
    left outer join organizations on subscriptions.organization_id = organizations.organization_id
)

select * from named
