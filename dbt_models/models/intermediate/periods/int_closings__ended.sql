{# One row per closing and the end of its subscription that counts then: the earliest known. #}
with

closings as (
    select * from {{ ref('int_closings__scheduled') }}
    where closing_ordinal >= 0
),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

known as (
    select
        closings.subscription_id,
        closings.closing_ordinal,
        ended.ended_at,
        ended.is_prorated,
        ended.cause = 'cancelled' and ended.is_prorated as is_cancelled_at_once
    from closings
    inner join ended
        on
            closings.subscription_id = ended.subscription_id
            and (
                closings.cut_off_at > ended.known_from
                or closings.opened_known_at >= ended.known_from
                or (closings.is_cut and closings.period_ended_at = ended.ended_at)
            )
            and (ended.known_until is null or closings.cut_off_at <= ended.known_until)
),

earliest as (
    select * from known
    qualify
        rank() over (partition by subscription_id, closing_ordinal order by ended_at) = 1
),

closing_ends as (
    select
        subscription_id,
        closing_ordinal,
        ended_at,
        bool_or(is_prorated) as is_prorated,
        bool_or(is_cancelled_at_once) as is_cancelled_at_once
    from earliest
    group by subscription_id, closing_ordinal, ended_at
)

select * from closing_ends
