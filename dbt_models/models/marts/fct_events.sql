with

events as (select * from {{ ref('int_events__versions') }}),

attributed as (
    select * from {{ ref('int_events__attributed') }}
    qualify row_number() over (
        partition by event_key
        order by known_from desc, known_until desc nulls first, event_version_id desc
    ) = 1
),

costed as (select * from {{ ref('int_events__costed') }}),

subscriptions as (select * from {{ ref('int_subscriptions__named') }}),

credentials as (select * from {{ ref('int_credentials__seen') }}),

final as (
    select
        events.event_key,
        events.source_id,
        events.event_id,
        events.occurred_at,
        events.received_at,
        attributed.known_from as known_at,
        attributed.subscription_id,
        subscriptions.product_id,
        coalesce(subscriptions.product_name, events.product_name) as product_name,
        coalesce(subscriptions.organization_name, events.organization_name) as organization_name,
        coalesce(
            case when credentials.origin = 'catalog' then credentials.credential_name end,
            events.credential_name,
            credentials.credential_name,
            'default'
        ) as credential_name,
        events.provider,
        events.model,
        costed.input_tokens,
        costed.output_tokens,
        costed.cost_amount,
        costed.cost_origin,
        attributed.period_ordinal,
        case when attributed.known_until is null then attributed.status else 'voided' end as status
    from attributed
    inner join events on attributed.event_version_id = events.event_version_id
    left outer join costed on attributed.event_version_id = costed.event_version_id
    left outer join subscriptions on attributed.subscription_id = subscriptions.subscription_id
    left outer join credentials
        on
            events.credential_key = credentials.credential_key
            and attributed.subscription_id = credentials.subscription_id
)

select * from final
