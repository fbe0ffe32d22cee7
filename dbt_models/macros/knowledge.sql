{#
    What was known at a closing: what was recorded before its cut-off, or no later than the
    subscription itself (R27). Both arguments are names of relations; a closing has cut_off_at and
    opened_known_at.
#}
{% macro recorded_by(recorded_at, closing, cut_off_at='cut_off_at') -%}
    (
        {{ closing }}.{{ cut_off_at }} > {{ recorded_at }}
        or {{ closing }}.opened_known_at >= {{ recorded_at }}
    )
{%- endmacro %}

{# Whether a span of knowledge, from known_from until known_until, covers a closing. #}
{% macro known_at(span, closing, cut_off_at='cut_off_at') -%}
    {{ recorded_by(span ~ '.known_from', closing, cut_off_at) }}
    and (
        {{ span }}.known_until is null
        or {{ closing }}.{{ cut_off_at }} <= {{ span }}.known_until
    )
{%- endmacro %}
