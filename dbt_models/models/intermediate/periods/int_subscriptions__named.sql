{# One row per subscription with the names that people know it by: of its product and its payer. #}
with

subscriptions as (select * from {{ ref('int_subscriptions__latest') }}),

organizations as (select * from {{ ref('stg_catalog__organizations') }}),

ended as (
    select
        subscription_id,
        min(ended_at) as ended_at
    from {{ ref('int_subscriptions__ended') }}
    where known_until is null
    group by subscription_id
),

opened as (select * from {{ ref('int_subscriptions__opened') }}),

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
        opened.live_from,
        opened.anchor_at as first_period_started_at,
        ended.ended_at
    from subscriptions
    left outer join product_names on subscriptions.product_id = product_names.product_id
    left outer join opened on subscriptions.subscription_id = opened.subscription_id
    left outer join ended on subscriptions.subscription_id = ended.subscription_id
    left outer join organizations on subscriptions.organization_id = organizations.organization_id
)

select * from named
