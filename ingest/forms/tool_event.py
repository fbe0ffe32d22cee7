"""The body of `POST /meter/v2/tool/events`: one call of a tool."""

from collections.abc import Mapping

from ingest.event import Event, refuse_too_much
from ingest.forms import identity
from ingest.forms.fields import Fields
from ingest.strict_json import Json

_COLUMNS = identity.FIELDS | frozenset(
    {"transactionId", "timestamp", "sourceId", "sourceType", "billingSkipped", "usageMetadata"}
)


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a tool call tells; `usageMetadata` adds to its elements.

    Raises:
        Refusal: where the toolId is missing, or a field is bad.
    """
    said = Fields(record)
    said.required("toolId")
    usage = said.below("usageMetadata", "bad_element").elements()
    elements = usage | said.elements(_COLUMNS)
    said.attempt("usageMetadata", lambda: refuse_too_much(elements))
    event = Event(
        "event",
        said.identifier("sourceId") or "event",
        said.identifier("transactionId"),
        said.time("timestamp"),
        identity.read(said),
        elements,
        sent_cost=said.cost("costUsd"),
        is_billing_skipped=said.flag("billingSkipped"),
    )
    said.refuse_faults()
    return event
