{#
    One row per thing on an invoice and span of closings of which it bills what changed: after
    from_ordinal, which is null for all there was, until until_ordinal. What is billed again after a
    void has the spans of the lines on the void invoice (R51). Where that is no line, because no amount
    came of it, the next line of the same thing has them.
#}
with

charges as (
    select * from {{ ref('int_charges__unioned') }}
    where closing_ordinal = billed_ordinal and period_ordinal <> 0
),

adjusted as (select * from {{ ref('int_invoices__adjusted') }}),

voided as (select * from {{ ref('int_invoices__billed_again') }}),

lines as (select * from {{ ref('int_invoices__lines') }}),

billed as (
    select
        subscription_id,
        kind as charged_kind,
        item_key,
        {{ ascii_lower(trimmed('element_value')) }} as match_value,
        period_ordinal,
        closing_ordinal,
        {{ null_of('int') }} as from_ordinal
    from charges
    union distinct
    select
        subscription_id,
        adjusted_kind as charged_kind,
        item_key,
        {{ ascii_lower(trimmed('element_value')) }} as match_value,
        period_ordinal,
        closing_ordinal,
        previous_ordinal as from_ordinal
    from adjusted
),

due as (
    select
        billed.*,
        billed.closing_ordinal as until_ordinal
    from billed
    union distinct
    select
        billed.* {{ without(['closing_ordinal', 'from_ordinal']) }},
        voided.reissued_ordinal as closing_ordinal,
        billed.from_ordinal,
        billed.closing_ordinal as until_ordinal
    from billed
    inner join voided
        on
            billed.subscription_id = voided.subscription_id
            and billed.closing_ordinal = voided.closing_ordinal
),

told as (
    select
        due.* {{ without(['closing_ordinal']) }},
        due.closing_ordinal as due_ordinal,
        min(lines.closing_ordinal) as closing_ordinal
    from due
    inner join lines
        on
            due.subscription_id = lines.subscription_id
            and due.charged_kind = lines.charged_kind
            and due.item_key = lines.item_key
            and due.match_value
            is not distinct from {{ ascii_lower(trimmed('lines.element_value')) }}
            and due.period_ordinal = lines.period_ordinal
            and due.closing_ordinal <= lines.closing_ordinal
    group by
        due.subscription_id,
        due.charged_kind,
        due.item_key,
        due.match_value,
        due.period_ordinal,
        due.from_ordinal,
        due.until_ordinal,
        due.closing_ordinal
),

spans as (
    select distinct * {{ without(['due_ordinal']) }}
    from told
)

select * from spans
