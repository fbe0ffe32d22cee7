{#
    What the linter puts in the place of our macros: it has no adapter to dispatch on. Only the shape
    of the SQL matters here; a test holds that every macro of the project has its twin.
#}
{% macro accumulated(columns, start, value) %}array_agg({{ columns[0] }}){% endmacro %}
{% macro as_of() %}timestamp '2026-01-01 00:00:00'{% endmacro %}
{% macro ascii_lower(text) %}lower({{ text }}){% endmacro %}
{% macro days_between(earlier, later) %}date_diff('day', {{ earlier }}, {{ later }}){% endmacro %}
{% macro divided(dividend, divisor) %}{{ dividend }}{% endmacro %}
{% macro exact_product(quantity, unit_rate, is_cost) %}({{ quantity }} * {{ unit_rate }}){% endmacro %}
{% macro exchanged_cost(cost, per_usd) %}({{ cost }} * {{ per_usd }}){% endmacro %}
{% macro fits_a_bill(quantity) %}{{ quantity }} < 1{% endmacro %}
{% macro fits_a_line(amount) %}{{ amount }} < 1{% endmacro %}
{% macro hex_var(name) %}{% endmacro %}
{% macro in_last_units(amount) %}{{ amount }}{% endmacro %}
{% macro instant_text(instant) %}{{ instant }}::string{% endmacro %}
{% macro invoice_id(subscription_id, closing_ordinal) %}{{ subscription_id }} || '-'{% endmacro %}
{% macro item(items, place) %}{{ items }}[{{ place }}]{% endmacro %}
{% macro join_lines(text, order_by) %}string_agg({{ text }}, chr(10)){% endmacro %}
{% macro known_at(span, closing, cut_off_at='cut_off_at') %}{{ span }}.known_from < {{ closing }}.cut_off_at{% endmacro %}
{% macro length_led(text) %}length({{ text }})::string || {{ text }}{% endmacro %}
{% macro look_back_end(instant, zone) %}{{ instant }} + interval '12' month{% endmacro %}
{% macro null_of(type) %}null::{{ type }}{% endmacro %}
{% macro numbered(items, name) %}items_of({{ items }}){% endmacro %}
{% macro ordinals_below(column) %}ordinals_of({{ column }}){% endmacro %}
{% macro period_boundary(ordinal) %}anchor_at + {{ ordinal }} * interval '1' day{% endmacro %}
{% macro period_base(anchor) %}timezone(billing_zone, {{ anchor }}){% endmacro %}
{% macro prorated(amount, seconds, full_seconds, minor_unit) %}({{ amount }} * {{ seconds }}){% endmacro %}
{% macro quick_hash(columns) %}hash({{ columns }}){% endmacro %}
{% macro read_folder(folder) %}folder_{{ folder }}{% endmacro %}
{% macro recorded_by(recorded_at, closing, cut_off_at='cut_off_at') %}{{ recorded_at }} < {{ closing }}.cut_off_at{% endmacro %}
{% macro rounded_to_minor_unit(amount, minor_unit) %}{{ amount }}::decimal(28, 4){% endmacro %}
{% macro seconds_between(earlier, later) %}date_diff('second', {{ earlier }}, {{ later }}){% endmacro %}
{% macro rule_matches(events) %}select * from {{ events }}{% endmacro %}
{% macro sha256_hex(text) %}sha256({{ text }}){% endmacro %}
{% macro share(part, whole) %}({{ part }} * {{ whole }}){% endmacro %}
{% macro steps_before(instant) %}date_diff('day', anchor_at, {{ instant }}){% endmacro %}
{% macro surrogate_key(parts) %}md5({{ parts[0] }}){% endmacro %}
{% macro token_cost(tokens, usd_per_token) %}({{ tokens }} * {{ usd_per_token }}){% endmacro %}
{% macro to_local(instant, zone) %}timezone({{ zone }}, {{ instant }}){% endmacro %}
{% macro to_utc(local_time, zone) %}timezone({{ zone }}, {{ local_time }}){% endmacro %}
{% macro trial_end(start) %}{{ start }} + trial_days * interval '1' day{% endmacro %}
{% macro trimmed(text) %}trim({{ text }}){% endmacro %}
{% macro united(first, second) %}map_concat({{ second }}, {{ first }}){% endmacro %}
{% macro unit_cost(quantity, usd_per_unit, units_of_price) %}({{ quantity }} * {{ usd_per_unit }}){% endmacro %}
{% macro utc(instant) %}timezone('UTC', {{ instant }}){% endmacro %}
{% macro whole_steps(number, step) %}({{ number }} + {{ step }}){% endmacro %}
{% macro without(columns) %}exclude ({{ columns | join(', ') }}){% endmacro %}
