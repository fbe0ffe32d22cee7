{# A layer's folder is its schema: `staging.…`, `marts.…`; there is one file per environment. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
