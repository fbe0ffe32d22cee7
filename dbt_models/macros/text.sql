{# `lower` of letters beyond ASCII differs by engine and version, so it is spelled out. #}
{% macro ascii_lower(text) -%}
    translate({{ text }}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
{%- endmacro %}

{# A text of any content as part of a longer one: its length says where it ends. #}
{% macro length_led(text) -%}
    length({{ text }})::string || ':' || {{ text }}
{%- endmacro %}
