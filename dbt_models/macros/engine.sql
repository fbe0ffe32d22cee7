{# Every difference between DuckDB and Spark is in this file. #}

{# ── the lake ── #}

{% macro read_folder(folder) %}{{ return(adapter.dispatch('read_folder')(folder)) }}{% endmacro %}
{% macro duckdb__read_folder(folder) -%}
    {#- What a writer has not finished begins with an underscore; Spark skips it by itself. -#}
    read_parquet('{{ folder | replace("'", "''") }}/**/[!_]*.parquet', union_by_name = true, hive_partitioning = false)
{%- endmacro %}
{% macro spark__read_folder(folder) -%}
    {#- Without ANSI mode an overflow is NULL, and dbt-spark turns it off: docs/decisions/0009. -#}
    {%- if execute and run_query('set spark.sql.ansi.enabled').rows[0][1] != 'true' -%}
        {{ exceptions.raise_compiler_error(
            'ANSI mode is off; start dbt on Spark by python -m dagster_project.spark'
        ) }}
    {%- endif -%}
    parquet.`{{ folder | replace("`", "``") }}`
{%- endmacro %}

{# ── time: a TIMESTAMP is UTC on both engines ── #}

{% macro utc(instant) %}{{ return(adapter.dispatch('utc')(instant)) }}{% endmacro %}
{% macro duckdb__utc(instant) %}timezone('UTC', {{ instant }}){% endmacro %}
{% macro spark__utc(instant) %}{{ instant }}::timestamp{% endmacro %}

{% macro to_local(instant, zone) %}{{ return(adapter.dispatch('to_local')(instant, zone)) }}{% endmacro %}
{% macro duckdb__to_local(instant, zone) %}timezone({{ zone }}, timezone('UTC', {{ instant }})){% endmacro %}
{% macro spark__to_local(instant, zone) %}from_utc_timestamp({{ instant }}, {{ zone }}){% endmacro %}

{#
    A local time in a gap moves forward by the gap; one that occurs twice means the first (R24).
    DuckDB takes the second, so it looks back by the shifts that zones make.
#}
{% macro to_utc(local_time, zone) %}{{ return(adapter.dispatch('to_utc')(local_time, zone)) }}{% endmacro %}
{% macro spark__to_utc(local_time, zone) %}to_utc_timestamp({{ local_time }}, {{ zone }}){% endmacro %}
{% macro duckdb__to_utc(local_time, zone) -%}
    {%- set second = "timezone(" ~ zone ~ ", " ~ local_time ~ ")" -%}
    timezone('UTC', case
        {%- for shift in ["'2' hour", "'1' hour", "'30' minute"] %}
        when timezone({{ zone }}, {{ second }} - interval {{ shift }}) = {{ local_time }}
            then {{ second }} - interval {{ shift }}
        {%- endfor %}
        else {{ second }}
    end)
{%- endmacro %}

{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between')(earlier, later)) }}{% endmacro %}
{% macro duckdb__days_between(earlier, later) %}date_diff('day', {{ earlier }}, {{ later }}){% endmacro %}
{% macro spark__days_between(earlier, later) %}date_diff({{ later }}, {{ earlier }}){% endmacro %}

{% macro instant_text(instant) %}{{ return(adapter.dispatch('instant_text')(instant)) }}{% endmacro %}
{% macro duckdb__instant_text(instant) %}strftime({{ instant }}, '%Y-%m-%dT%H:%M:%S.%fZ'){% endmacro %}
{% macro spark__instant_text(instant) %}date_format({{ instant }}, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"){% endmacro %}

{# ── rows ── #}

{# 0, 1, … up to one less than a column says #}
{% macro ordinals_below(column) %}{{ return(adapter.dispatch('ordinals_below')(column)) }}{% endmacro %}
{% macro duckdb__ordinals_below(column) %}(select unnest(range(0, {{ column }})) as ordinal){% endmacro %}
{% macro spark__ordinals_below(column) %}(select explode(sequence(0, {{ column }} - 1)) as ordinal){% endmacro %}

{#
    A list of a group's rows in the order of the first column: a start, and then for each row a value
    that is computed from the row, `entry`, and the values before it, `earlier`.
#}
{% macro accumulated(columns, start, value) %}{{ return(adapter.dispatch('accumulated')(columns, start, value)) }}{% endmacro %}
{% macro duckdb__accumulated(columns, start, value) -%}
    list_reduce(
        list({
            {%- for column in columns %}'{{ column }}': {{ column }}{{ ', ' if not loop.last }}{% endfor -%}
        } order by {{ columns[0] }}),
        lambda earlier, entry: list_append(earlier, {{ value }}),
        [{{ start }}]
    )
{%- endmacro %}
{% macro spark__accumulated(columns, start, value) -%}
    aggregate(
        sort_array(collect_list(struct({{ columns | join(', ') }}))),
        array({{ start }}),
        (earlier, entry) -> array_append(earlier, {{ value }})
    )
{%- endmacro %}

{# One of a list, from 1 on; -1 is the last. #}
{% macro item(items, place) %}{{ return(adapter.dispatch('item')(items, place)) }}{% endmacro %}
{% macro duckdb__item(items, place) %}{{ items }}[{{ place }}]{% endmacro %}
{% macro spark__item(items, place) %}element_at({{ items }}, {{ place }}){% endmacro %}

{# A list as rows, with their places from 1 on. #}
{% macro numbered(items, name) %}{{ return(adapter.dispatch('numbered')(items, name)) }}{% endmacro %}
{% macro duckdb__numbered(items, name) -%}
    (select unnest({{ items }}) as {{ name }}, generate_subscripts({{ items }}, 1) as place)
{%- endmacro %}
{% macro spark__numbered(items, name) -%}
    (select {{ name }}, position + 1 as place from (select posexplode({{ items }}) as (position, {{ name }})))
{%- endmacro %}

{# Two maps in one; where both have a key, the first one's value stays. #}
{% macro united(first, second) %}{{ return(adapter.dispatch('united')(first, second)) }}{% endmacro %}
{% macro duckdb__united(first, second) %}map_concat({{ second }}, {{ first }}){% endmacro %}
{% macro spark__united(first, second) -%}
    map_concat(
        {{ first }}, map_filter({{ second }}, (key, value) -> not map_contains_key({{ first }}, key))
    )
{%- endmacro %}

{# only to look for candidates: the engines' values differ, so it is never stored #}
{% macro quick_hash(columns) %}{{ return(adapter.dispatch('quick_hash')(columns)) }}{% endmacro %}
{% macro duckdb__quick_hash(columns) %}hash({{ columns }}){% endmacro %}
{% macro spark__quick_hash(columns) %}xxhash64({{ columns }}){% endmacro %}

{# ── text ── #}

{% macro sha256_hex(text) %}{{ return(adapter.dispatch('sha256_hex')(text)) }}{% endmacro %}
{% macro duckdb__sha256_hex(text) %}sha256({{ text }}){% endmacro %}
{% macro spark__sha256_hex(text) %}sha2({{ text }}, 256){% endmacro %}

{% macro join_lines(text, order_by) %}{{ return(adapter.dispatch('join_lines')(text, order_by)) }}{% endmacro %}
{% macro duckdb__join_lines(text, order_by) %}string_agg({{ text }}, chr(10) order by {{ order_by }}){% endmacro %}
{% macro spark__join_lines(text, order_by) %}listagg({{ text }}, chr(10)) within group (order by {{ order_by }}){% endmacro %}

{# ── numbers ── #}

{#
    Exact division, half away from zero; both are decimal(38, 0), the divisor above zero. `/` gives
    DOUBLE on DuckDB, and Spark's `div` wraps silently beyond BIGINT.
#}
{% macro divided(dividend, divisor) %}{{ return(adapter.dispatch('divided')(dividend, divisor)) }}{% endmacro %}
{% macro duckdb__divided(dividend, divisor) -%}
    (case when {{ dividend }} < 0 then -1 else 1 end * (
        (2 * abs({{ dividend }})::hugeint + {{ divisor }}::hugeint) // (2 * {{ divisor }}::hugeint)
    ))::decimal(38, 0)
{%- endmacro %}
{% macro spark__divided(dividend, divisor) -%}
    {%- set twice = "(2 * abs(" ~ dividend ~ ") + " ~ divisor ~ ")" -%}
    {#- A narrow divisor leaves the quotient 28 digits before the point; a wide one would leave 20. -#}
    {%- set double_divisor = "(2 * " ~ divisor ~ ")::decimal(20, 0)" -%}
    (case when {{ dividend }} < 0 then -1 else 1 end * (
        ({{ twice }} - {{ twice }} % {{ double_divisor }}) / {{ double_divisor }}
    )::decimal(37, 0))::decimal(38, 0)
{%- endmacro %}

{# How often a step goes into a whole number; a negative one counts as zero. #}
{% macro whole_steps(number, step) %}{{ return(adapter.dispatch('whole_steps')(number, step)) }}{% endmacro %}
{% macro duckdb__whole_steps(number, step) %}greatest({{ number }}::bigint // {{ step }}::bigint, 0)::int{% endmacro %}
{% macro spark__whole_steps(number, step) %}greatest({{ number }}::bigint div {{ step }}::bigint, 0)::int{% endmacro %}

{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between')(earlier, later)) }}{% endmacro %}
{% macro duckdb__seconds_between(earlier, later) -%}
    ((epoch_us({{ later }}) - epoch_us({{ earlier }})) // 1000000)::decimal(10, 0)
{%- endmacro %}
{% macro spark__seconds_between(earlier, later) -%}
    ((unix_micros({{ later }}) - unix_micros({{ earlier }})) div 1000000)::decimal(10, 0)
{%- endmacro %}

{# ── models ── #}

{#
    Spark plans a view anew at every use of it, and at every use of what uses it, down to each file of
    the lake: minutes where a table of each takes a second.
#}
{% materialization view, adapter = 'spark' %}
    {{ return(materialization_table_spark()) }}
{% endmaterialization %}
