with

facts as (select * from {{ source('metering', 'facts') }}),

known as (
    select
        fact_id,
        fact,
        invoice_id,
        status,
        mode,
        source_id,
        event_id,
        event_key,
        amount,
        {{ utc('paid_at') }} as paid_at,
        {{ utc('refunded_at') }} as refunded_at,
        {{ utc('known_at') }} as known_at
    from facts
    where {{ utc('known_at') }} <= {{ as_of() }}
),

distinct_facts as (
    select * from known
    qualify row_number() over (partition by fact_id order by known_at) = 1
)

select * from distinct_facts
