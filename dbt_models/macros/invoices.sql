{#
    An invoice's number: the subscription and the ordinal of the closing (R11). Closing 0 is the
    opening invoice, closing -1 the invoice of a setup fee that has to be paid first.
#}
{% macro invoice_id(subscription_id, closing_ordinal) -%}
    {{ subscription_id }} || case
        when {{ closing_ordinal }} = -1 then '-setup'
        else '-' || lpad(
            ({{ closing_ordinal }})::string, greatest(4, length(({{ closing_ordinal }})::string)::int), '0'
        )
    end
{%- endmacro %}
