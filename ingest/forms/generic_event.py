"""The body of `POST /meter/v2/events`: any payload, each key a metering element."""

from collections.abc import Mapping

from ingest.event import Event
from ingest.forms import identity
from ingest.forms.fields import Fields
from ingest.strict_json import Json


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a generic body tells.

    Raises:
        Refusal: where the payload is no object, or a field is bad.
    """
    said = Fields(record)
    if not isinstance(record.get("payload"), dict):
        said.fault("payload", "missing_field", "payload must be an object")
        said.refuse_faults()
    event = Event(
        "event",
        said.identifier("sourceId") or "event",
        said.identifier("transactionId"),
        said.time("requestTime", "timestamp"),
        identity.read(said),
        said.below("payload").elements(),
    )
    said.refuse_faults()
    return event
