{# `lower` of letters beyond ASCII differs by engine and version, so it is spelled out. #}
{% macro ascii_lower(text) -%}
    translate({{ text }}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
{%- endmacro %}

{# A text of any content as part of a longer one: its length says where it ends. #}
{% macro length_led(text) -%}
    length({{ text }})::string || ':' || {{ text }}
{%- endmacro %}

{# Without the blanks around it, tabs and line ends among them: plain `trim` takes spaces only. #}
{% macro trimmed(text) -%}
    trim(both (' ' || chr(9) || chr(10) || chr(13)) from {{ text }})
{%- endmacro %}
