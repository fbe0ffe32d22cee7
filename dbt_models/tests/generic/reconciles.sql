{# Both sides of every item of one truth are equal, to the last digit. Fails with the items that are not. #}
{% test reconciles(model, truth) %}

select
    item_id,
    left_amount,
    right_amount,
    left_amount - right_amount as difference
from {{ model }}
where reconciliation = '{{ truth }}' and left_amount <> right_amount

{% endtest %}
