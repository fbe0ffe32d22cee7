"""The body of `POST /meter/v2/events`: any payload, each key a metering element."""

from collections.abc import Mapping

from ingest.event import Event, elements_of, identifier, time_of
from ingest.forms import identity
from ingest.refusal import Refusal
from ingest.strict_json import Json


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a generic body tells.

    Raises:
        Refusal: where the payload is no object.
    """
    payload = record.get("payload")
    if not isinstance(payload, dict):
        raise Refusal("missing_field", "payload must be an object")
    return Event(
        source_kind="event",
        source_id=identifier(record, "sourceId") or "event",
        event_id=identifier(record, "transactionId"),
        occurred_at=time_of(record, "requestTime", "timestamp"),
        identity=identity.read(record),
        elements=elements_of(payload, frozenset()),
    )
