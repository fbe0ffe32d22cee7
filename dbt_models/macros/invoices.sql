{# An invoice's number: the subscription and the ordinal of the closing (R11). #}
{% macro invoice_id(subscription_id, closing_ordinal) -%}
    {{ subscription_id }} || '-' || lpad({{ closing_ordinal }}::string, 4, '0')
{%- endmacro %}
