with

unapplied as (select * from {{ ref('int_facts__unapplied') }}),

final as (
    select
        fact_id,
        fact,
        named_id,
        reason,
        known_at
    from unapplied
)

select * from final
