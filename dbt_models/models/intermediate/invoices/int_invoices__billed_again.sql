{#
    One row per voided invoice and closing that bills its amounts again: the next one after the void was
    known, and where that is voided, too, the next one after that, however often (R51).
#}
with recursive

once as (
    select
        subscription_id,
        closing_ordinal,
        reissued_ordinal
    from {{ ref('int_invoices__voided') }}
    where reissued_ordinal is not null
),

billed_again as (
    select * from once
    union all
    select
        earlier.subscription_id,
        earlier.closing_ordinal,
        later.reissued_ordinal
    from billed_again as earlier
    inner join once as later
        on
            earlier.subscription_id = later.subscription_id
            and earlier.reissued_ordinal = later.closing_ordinal
)

select * from billed_again
