{#
    Exact on both engines: quantity decimal(19, 6) x rate decimal(18, 12) and, for costs,
    decimal(25, 12) x decimal(12, 6). Both need 37 digits; (37, 18) leaves one for an addition.
#}
{% macro exact_product(quantity, unit_rate, is_cost) -%}
    case
        when {{ is_cost }}
            then ({{ quantity }}::decimal(25, 12) * {{ unit_rate }}::decimal(12, 6))::decimal(37, 18)
        else ({{ quantity }}::decimal(19, 6) * {{ unit_rate }}::decimal(18, 12))::decimal(37, 18)
    end
{%- endmacro %}

{# What tokens cost in USD; its digits leave room to add several of them on both engines. #}
{% macro token_cost(tokens, usd_per_token) -%}
    ({{ tokens }}::decimal(19, 0) * {{ usd_per_token }})::decimal(32, 12)
{%- endmacro %}

{# Whether a quantity or a cost is one that a bill takes: below 10^13, so that its price is exact. #}
{% macro fits_a_bill(quantity) -%} {{ quantity }} < 10000000000000 {%- endmacro %}

{# Whether the amounts of a rule add up to what a line takes before it is rounded: below 10^19. #}
{% macro fits_a_line(amount) -%} abs({{ amount }}) < 10000000000000000000 {%- endmacro %}

{# A decimal with 12 digits after the point, of whatever size, in units of the last one. #}
{% macro in_last_units(amount) -%}
    (
        floor({{ amount }})::decimal(25, 0) * 1000000000000::decimal(13, 0)
        + (({{ amount }} - floor({{ amount }})::decimal(25, 0))::decimal(13, 12) * 1000000000000)::decimal(13, 0)
    )::decimal(38, 0)
{%- endmacro %}

{#
    A cost in USD in another currency, rounded once to 12 decimals; null where it would not fit a bill.
    The exact product has up to 43 digits, so whole dollars and the rest are multiplied apart.
    DuckDB multiplies decimals of up to 18 digits in 64 bits, whatever the result needs.
#}
{% macro exchanged_cost(cost, per_usd) -%}
    {%- set rate = '(' ~ per_usd ~ '::decimal(18, 12) * 1000000000000)::decimal(18, 0)' -%}
    {%- set whole = 'floor(' ~ cost ~ ')::decimal(19, 0)' -%}
    {%- set rest = '((' ~ cost ~ ' - ' ~ whole ~ ')::decimal(13, 12) * 1000000000000)::decimal(19, 0)' -%}
    {%- set exchanged -%}
        (
            {{ whole }} * {{ rate }}
            + {{ divided('(' ~ rest ~ ' * ' ~ rate ~ ')::decimal(38, 0)', '1000000000000::decimal(38, 0)') }}::decimal(30, 0)
        )::decimal(38, 0)
    {%- endset -%}
    case
        when {{ exchanged }} < 10000000000000000000000000
            then {{ exchanged }}::decimal(25, 0) * 0.000000000001
    end::decimal(25, 12)
{%- endmacro %}

{#
    What a quantity costs in USD, rounded once to 12 decimals; the price is for so many units. Null
    where it would not fit a bill.
#}
{% macro unit_cost(quantity, usd_per_unit, units_of_price) -%}
    case
        when
            ({{ quantity }}::decimal(19, 6) * {{ usd_per_unit }}::decimal(18, 12))::decimal(37, 18)
            < 1000000000000
            then
                {{ divided(
                    '((' ~ quantity ~ '::decimal(19, 6) * 1000000)::decimal(19, 0) * ('
                    ~ usd_per_unit ~ '::decimal(18, 12) * 1000000000000)::decimal(18, 0))::decimal(38, 0)',
                    '(1000000 * ' ~ units_of_price ~ ')::decimal(38, 0)'
                ) }}::decimal(25, 0) * 0.000000000001
    end::decimal(25, 12)
{%- endmacro %}

{# The one rounding of a line: half away from zero, to the currency's minor unit. #}
{% macro rounded_to_minor_unit(amount, minor_unit) -%}
    case {{ minor_unit }}
        {%- for digits in [0, 1, 2, 3, 4] %}
        when {{ digits }} then ({{ amount }})::decimal({{ 24 + digits }}, {{ digits }})
        {%- endfor %}
    end::decimal(28, 4)
{%- endmacro %}

{# The share of an amount for some seconds of a longer time, rounded once to the minor unit. #}
{% macro prorated(amount, seconds, full_seconds, minor_unit) -%}
    case {{ minor_unit }}
        {%- for digits in [0, 1, 2, 3, 4] %}
        when {{ digits }} then ({{ divided(
            '((' ~ amount ~ ' * 1' ~ '0' * digits ~ ')::decimal(28, 0) * ' ~ seconds ~ ')::decimal(38, 0)',
            full_seconds ~ '::decimal(38, 0)'
        ) }}::decimal(28, 0) * {{ ['1', '0.1', '0.01', '0.001', '0.0001'][digits] }})::decimal(28, 4)
        {%- endfor %}
    end::decimal(28, 4)
{%- endmacro %}

{# A share of a whole, as lines show it: 12 decimals. #}
{% macro share(part, whole) -%}
    ({{ divided('(' ~ part ~ '::decimal(19, 0) * 1000000000000)::decimal(38, 0)', whole ~ '::decimal(38, 0)') }}
    ::decimal(25, 0) * 0.000000000001)::decimal(13, 12)
{%- endmacro %}

{# NULL where it must be said with its type, so that unions agree on both engines. #}
{% macro null_of(type) -%} null::{{ type }} {%- endmacro %}
