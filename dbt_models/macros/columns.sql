{# All columns but these: `except` is what both engines read, and the linter only in DuckDB's word. #}
{% macro without(columns) -%} except ({{ columns | join(', ') }}) {%- endmacro %}
