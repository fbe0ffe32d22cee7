{#
    One row per event whose identifiers name different subscriptions: the first that is known decides,
    the others are reported (R18). A credential that only other events have taught contradicts none.
#}
with

claimed as (
    select * from {{ ref('int_subscriptions__claimed') }}
    where is_mapped and claimed_until is null and precedence < 5
),

events as (select * from {{ ref('int_events__versions') }}),

firsts as (
    select
        event_version_id,
        min(precedence) as precedence
    from claimed
    group by event_version_id
),

decided as (
    select claimed.*
    from claimed
    inner join firsts
        on
            claimed.event_version_id = firsts.event_version_id
            and claimed.precedence = firsts.precedence
),

others as (
    select
        claimed.event_version_id,
        min(claimed.subscription_id) as other_subscription_id
    from claimed
    anti join decided
        on
            claimed.event_version_id = decided.event_version_id
            and claimed.subscription_id = decided.subscription_id
    group by claimed.event_version_id
),

disagreeing as (
    select
        events.event_key,
        events.source_id,
        min(decided.subscription_id) as subscription_id,
        min(others.other_subscription_id) as other_subscription_id
    from others
    inner join decided on others.event_version_id = decided.event_version_id
    inner join events on others.event_version_id = events.event_version_id
    where events.known_until is null
    group by events.event_key, events.source_id
    having count(distinct decided.subscription_id) = 1
)

select * from disagreeing
