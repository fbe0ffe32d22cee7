{#
    Every pricing rule of the lake, as SQL. The catalogue's check wrote the expressions: they use the
    columns of an event only, are exact and never fail (ingest/rules.py). Rules that are not known
    yet do no harm here: a model joins those that it knows.
#}
{% macro pricing_rules() -%}
    {%- if not execute -%} {%- do return([]) -%} {%- endif -%}
    {%- set found = run_query(
        "select distinct row_hash, product_id, condition_sql, amount_sql from "
        ~ source('catalog', 'catalog_pricing_rules') ~ " order by row_hash"
    ) -%}
    {%- do return(found.rows | list) -%}
{%- endmacro %}

{#
    One row per event and rule of its product: whether the rule's condition holds, and the amount.
    Either is null where the rule has no answer, an element that it needs being absent.

    `events` has event_version_id, product_id, source_id, provider, model, subscription_id,
    occurred_at, elements and element_numbers. An event meets only the expressions of its product.
#}
{% macro rule_matches(events) -%}
    {%- set rules = pricing_rules() -%}
    select
        {{ events }}.event_version_id,
        {{ events }}.subscription_id,
        rules.rule_version,
    {%- for answer, type in [("condition_sql", "boolean"), ("amount_sql", "decimal(37, 18)")] %}
        case rules.rule_number
            {%- for rule in rules %}
            when {{ loop.index }} then {{ rule[answer] }}
            {%- else %}
            when 0 then {{ null_of(type) }}
            {%- endfor %}
        end as {{ "is_match" if answer == "condition_sql" else "amount" }}
        {%- if not loop.last %},{% endif %}
    {%- endfor %}
    from {{ events }}
    inner join (
        values
        {%- for rule in rules %}
        ({{ loop.index }}, '{{ rule["product_id"] }}', '{{ rule["row_hash"] }}')
        {%- if not loop.last %},{% endif %}
        {%- else %}
        (0, null::string, null::string)
        {%- endfor %}
    ) as rules(rule_number, product_id, rule_version)
        on {{ events }}.product_id = rules.product_id
{%- endmacro %}
