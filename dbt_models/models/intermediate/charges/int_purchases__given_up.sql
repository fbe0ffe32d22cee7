{#
    One row per one-time charge or setup fee and span of knowledge in which its subscription does not
    owe it: it was cancelled in the trial, or before it began (R46, R47). Or the invoice that charged
    the fee is void and counts as billed, for good: for the next of the client the fee is passed on. It
    was charged where all those before it had passed it on by its closing, in such a way themselves.
#}
with

planned as (select * from {{ ref('int_purchases__planned') }}),

ended as (select * from {{ ref('int_subscriptions__ended') }}),

cancelled as (
    select
        planned.*,
        ended.known_from,
        ended.known_until
    from planned
    inner join ended
        on
            planned.subscription_id = ended.subscription_id
            and planned.billed_ordinal >= 0
            and (
                planned.begun_at > ended.ended_at
                or (
                    planned.begun_at = ended.ended_at
                    and not (ended.cause = 'cancelled' and ended.is_prorated)
                )
            )
),

voided as (
    select
        *,
        voided_at as known_from,
        {{ null_of('timestamp') }} as known_until
    from planned
    where voided_at is not null
),

passed_on as (
    select * from cancelled
    union all
    select * from voided
),

counted as (
    select
        voided.subscription_id,
        voided.client_key,
        voided.place,
        count(distinct earlier.place) as passed_count
    from voided
    left outer join passed_on as earlier
        on
            voided.client_key = earlier.client_key
            and voided.place > earlier.place
            and {{ known_at('earlier', 'voided') }}
    group by voided.subscription_id, voided.client_key, voided.place
),

charged as (
    select
        subscription_id,
        bool_and(place - 1 = passed_count) over (
            partition by client_key
            order by place
            rows between unbounded preceding and current row
        ) as is_charged
    from counted
),

given_up as (
    select
        subscription_id,
        kind,
        charge_key,
        client_key,
        place,
        false as is_void,
        known_from,
        known_until
    from cancelled
    union all
    select
        voided.subscription_id,
        voided.kind,
        voided.charge_key,
        voided.client_key,
        voided.place,
        true as is_void,
        voided.known_from,
        voided.known_until
    from voided
    inner join charged on voided.subscription_id = charged.subscription_id
    where charged.is_charged
)

select * from given_up
