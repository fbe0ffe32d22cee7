with

records as (select * from {{ ref('int_records__with_fate') }}),

events as (select * from {{ ref('fct_events') }}),

counted as (
    select
        fate,
        reason,
        count(*) as event_count
    from records
    group by fate, reason
),

costs as (
    select
        nullif(status, 'billable') as reason,
        sum(cost_amount) as cost_amount
    from events
    group by status
),

final as (
    select
        counted.fate || coalesce('/' || counted.reason, '') as accounting_id,
        counted.fate,
        counted.reason,
        counted.event_count,
        costs.cost_amount::decimal(36, 12) as cost_amount
    from counted
    left outer join costs
        on
            counted.fate in ('billable', 'unattributed')
            and counted.reason is not distinct from costs.reason
)

select * from final
