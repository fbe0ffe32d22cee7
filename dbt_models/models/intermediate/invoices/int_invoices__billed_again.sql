{#
    One row per voided invoice and closing that bills its amounts again: the next one after the void was
    known, and where that is voided, too, the next one after that (R51). Each step doubles how often
    the same amounts can be on a void invoice.
#}
with

once as (
    select
        subscription_id,
        closing_ordinal,
        reissued_ordinal
    from {{ ref('int_invoices__voided') }}
    where reissued_ordinal is not null
),

twice as (
    select * from once
    union distinct
    select
        earlier.subscription_id,
        earlier.closing_ordinal,
        later.reissued_ordinal
    from once as earlier
    inner join once as later
        on
            earlier.subscription_id = later.subscription_id
            and earlier.reissued_ordinal = later.closing_ordinal
),

four_times as (
    select * from twice
    union distinct
    select
        earlier.subscription_id,
        earlier.closing_ordinal,
        later.reissued_ordinal
    from twice as earlier
    inner join twice as later
        on
            earlier.subscription_id = later.subscription_id
            and earlier.reissued_ordinal = later.closing_ordinal
),

eight_times as (
    select * from four_times
    union distinct
    select
        earlier.subscription_id,
        earlier.closing_ordinal,
        later.reissued_ordinal
    from four_times as earlier
    inner join four_times as later
        on
            earlier.subscription_id = later.subscription_id
            and earlier.reissued_ordinal = later.closing_ordinal
),

sixteen_times as (
    select * from eight_times
    union distinct
    select
        earlier.subscription_id,
        earlier.closing_ordinal,
        later.reissued_ordinal
    from eight_times as earlier
    inner join eight_times as later
        on
            earlier.subscription_id = later.subscription_id
            and earlier.reissued_ordinal = later.closing_ordinal
)

select * from sixteen_times
