{#
    A cancellation holds from when it was recorded, until it was withdrawn, or a later row about the
    same instant says otherwise. A withdrawal acts once it is recorded, never before.
#}
with

cancellations as (select * from {{ source('catalog', 'catalog_cancellations') }}),

known as (
    select
        subscription_id,
        row_hash,
        {{ utc('cancelled_at') }} as cancelled_at,
        {{ utc('recorded_at') }} as recorded_at,
        case
            when withdrawn_at is not null
                then greatest({{ utc('withdrawn_at') }}, {{ utc('recorded_at') }})
        end as withdrawn_at
    from cancellations
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

superseded as (
    select
        subscription_id,
        cancelled_at,
        recorded_at,
        least(
            withdrawn_at,
            lead(recorded_at) over (
                partition by subscription_id, cancelled_at order by recorded_at, row_hash
            )
        ) as withdrawn_at
    from known
),

standing as (
    select
        subscription_id,
        cancelled_at,
        recorded_at,
        case when withdrawn_at <= {{ as_of() }} then withdrawn_at end as withdrawn_at
    from superseded
    where withdrawn_at is null or recorded_at < withdrawn_at
)

select * from standing
