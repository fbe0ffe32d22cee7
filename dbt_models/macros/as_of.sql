{# The settlement instant as a timestamp literal. What is handed in is text, so its form is checked. #}
{% macro as_of() -%}
    {%- set value = var('as_of') -%}
    {%- if not modules.re.fullmatch('\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?Z', value) -%}
        {{ exceptions.raise_compiler_error("as_of must look like 2026-03-01T01:00:00Z, not " ~ value) }}
    {%- endif -%}
    timestamp '{{ value[:-1] | replace("T", " ") }}'
{%- endmacro %}

{# A hash that a settlement hands in; checked, because it becomes text of a statement. #}
{% macro hex_var(name) -%}
    {%- set value = var(name) -%}
    {%- if not modules.re.fullmatch('[0-9a-f]{0,64}', value) -%}
        {{ exceptions.raise_compiler_error(name ~ " must be hexadecimal, not " ~ value) }}
    {%- endif -%}
    {{ value }}
{%- endmacro %}
