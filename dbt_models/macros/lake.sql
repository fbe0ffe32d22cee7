{# Sources are folders of Parquet files in the lake; lineage still sees them as sources. #}
{% macro source(source_name, table_name) %}
    {%- set relation = builtins.source(source_name, table_name) -%}
    {%- set folder = env_var('LAKE_PATH') ~ '/' ~ table_name -%}
    {%- do return(read_folder(folder)) -%}
{% endmacro %}
