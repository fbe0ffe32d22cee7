{#
    Boundary k of a subscription's periods: the base + k steps in local wall time, never chained, so
    Jan 31 gives Feb 28 and then Mar 31 (R24). Boundary 0 is the anchor itself, whose local time may
    occur twice, unless periods follow the calendar. Test periods count minutes, not wall time.
#}
{% macro period_boundary(ordinal) -%}
    case
        when step_minutes > 0 then anchor_at + ({{ ordinal }} * step_minutes) * interval '1' minute
        when {{ ordinal }} = 0 and calendar_unit is null then anchor_at
        else {{ to_utc(
            'base_local + (' ~ ordinal ~ " * step_months) * interval '1' month"
            ~ ' + (' ~ ordinal ~ " * step_days) * interval '1' day",
            'billing_zone'
        ) }}
    end
{%- endmacro %}

{# Where the first paid period begins: after a trial of local days, of a test after one period. #}
{% macro trial_end(start) -%}
    case
        when trial_days = 0 then {{ start }}
        when step_minutes > 0 then {{ start }} + step_minutes * interval '1' minute
        else {{ to_utc(
            to_local(start, 'billing_zone') ~ " + trial_days * interval '1' day", 'billing_zone'
        ) }}
    end
{%- endmacro %}

{# The local time from which boundaries are counted. #}
{% macro period_base(anchor) -%}
    case
        when calendar_unit is null then {{ to_local(anchor, 'billing_zone') }}
        else date_trunc(calendar_unit, {{ to_local(anchor, 'billing_zone') }})
    end
{%- endmacro %}

{#
    How many whole steps lie between the base and an instant, or one less: the first boundary at or
    after the instant is among this one and the next two.
#}
{% macro steps_before(instant) -%}
    case
        when step_minutes > 0
            then {{ whole_steps(seconds_between('anchor_at', instant), '(60 * step_minutes)') }}
        when step_months > 0
            then {{ whole_steps(
                '((year(' ~ to_local(instant, 'billing_zone') ~ ') - year(base_local)) * 12'
                ~ ' + month(' ~ to_local(instant, 'billing_zone') ~ ') - month(base_local) - 1)',
                'step_months'
            ) }}
        else {{ whole_steps(days_between('base_local', to_local(instant, 'billing_zone')), 'step_days') }}
    end
{%- endmacro %}

{# Until when what becomes known of a period that ended at an instant is still adjusted (R29). #}
{% macro look_back_end(instant, zone) -%}
    {{ to_utc(
        to_local(instant, zone) ~ ' + ' ~ var('look_back_months') ~ " * interval '1' month", zone
    ) }}
{%- endmacro %}
