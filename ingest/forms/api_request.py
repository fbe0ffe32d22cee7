"""The body of `POST /meter/v2/apis/requests`: the first half of an API call."""

from collections.abc import Mapping

from ingest.event import Event, Part
from ingest.forms import identity
from ingest.forms.fields import Fields
from ingest.strict_json import Json

_COLUMNS = identity.FIELDS | frozenset(
    {
        "transactionId",
        "requestTime",
        "timestamp",
        "sourceId",
        "sourceType",
        "credential",
        "remoteHost",
    }
)


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that the body of a request tells.

    Raises:
        Refusal: where the transactionId is missing, by which the halves are joined, or a field is
            bad.
    """
    return read_half(Fields(record), "request")


def read_half(said: Fields, part: Part) -> Event:
    """Return one half of an API call; its `credential` is a plain text.

    Raises:
        Refusal: with every field at fault.
    """
    credential = said.identifier("credential")
    event = Event(
        "api",
        said.identifier("sourceId") or "api",
        said.required("transactionId"),
        said.time("requestTime", "timestamp"),
        identity.read(said, credential),
        said.elements(_COLUMNS),
        part=part,
    )
    said.refuse_faults()
    return event
