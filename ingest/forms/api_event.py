"""The body of `POST /meter/v1/api/event`: an API call, or the request or response of one."""

from collections.abc import Mapping

from ingest.event import Event, Part
from ingest.forms import api_meter
from ingest.forms.fields import Fields
from ingest.strict_json import Json

_COLUMNS = api_meter.COLUMNS | {"requestId", "eventType", "assetId"}
_PARTS: Mapping[str, Part] = {"REQUEST": "request", "RESPONSE": "response"}


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that the body tells; `assetId` is its source, `requestId` its id.

    Raises:
        Refusal: where the response code is missing, the type is unknown, or a field is bad.
    """
    said = Fields(record)
    said.required("responseCode")
    event_type = said.identifier("eventType")
    part = _PARTS.get((event_type or "").upper())
    if event_type and part is None:
        detail = f"eventType '{event_type[:40]}' is neither REQUEST nor RESPONSE"
        said.fault("eventType", "bad_value", detail)
    event = Event(
        "api",
        said.identifier("sourceId")
        or said.identifier("source")
        or said.identifier("assetId")
        or "api",
        said.identifier("transactionId") or said.identifier("requestId"),
        said.time("requestTime", "currentMillis"),
        api_meter.read_identity(said),
        api_meter.read_elements(said, _COLUMNS),
        part=part,
    )
    said.refuse_faults()
    return event
