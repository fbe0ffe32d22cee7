with

cancellations as (select * from {{ source('catalog', 'catalog_cancellations') }}),

known as (
    select
        subscription_id,
        {{ utc('cancelled_at') }} as cancelled_at,
        {{ utc('withdrawn_at') }} as withdrawn_at,
        {{ utc('recorded_at') }} as recorded_at
    from cancellations
    where {{ utc('recorded_at') }} <= {{ as_of() }}
),

withdrawn as (
    select
        subscription_id,
        cancelled_at,
        min(recorded_at) as recorded_at,
        min(withdrawn_at) filter (where withdrawn_at <= {{ as_of() }}) as withdrawn_at
    from known
    group by subscription_id, cancelled_at
)

select * from withdrawn
