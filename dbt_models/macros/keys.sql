{# A surrogate key: the hash of the parts, each led by its length so that ('a', 'b-c') is not ('a-b', 'c'). #}
{% macro surrogate_key(parts) -%}
    md5(
        {%- for part in parts %}
        coalesce({{ length_led(part ~ '::string') }}, '-')
        {%- if not loop.last %} || {% endif %}
        {%- endfor %}
    )
{%- endmacro %}
