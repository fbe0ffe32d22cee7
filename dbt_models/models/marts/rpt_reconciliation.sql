with

items as (select * from {{ ref('rpt_reconciled_items') }}),

final as (
    select
        reconciliation || '/' || unit as reconciliation_id,
        reconciliation,
        unit,
        count(*) as checked_count,
        count(*) filter (where left_amount <> right_amount) as break_count,
        sum(left_amount)::decimal(38, 12) as left_amount,
        sum(right_amount)::decimal(38, 12) as right_amount,
        sum(left_amount - right_amount)::decimal(38, 12) as difference
    from items
    group by reconciliation, unit
)

select * from final
