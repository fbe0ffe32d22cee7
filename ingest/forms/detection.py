"""Which wire form a record of a file has."""

from collections.abc import Callable, Mapping
from typing import Literal

from ingest.event import Event
from ingest.forms import ai_completion, api_meter, generic_event
from ingest.refusal import Refusal
from ingest.strict_json import Json

Form = Literal["ai", "api", "event"]
READERS: Mapping[Form, Callable[[Mapping[str, Json]], Event]] = {
    "ai": ai_completion.read,
    "api": api_meter.read,
    "event": generic_event.read,
}


def detect(record: Mapping[str, Json]) -> Form:
    """Return the form of a record by the fields that only one form has.

    Raises:
        Refusal: where no form fits.
    """
    if "payload" in record:
        return "event"
    if "method" in record and "responseCode" in record:
        return "api"
    if "model" in record or "provider" in record:
        return "ai"
    raise Refusal(
        "unknown_form",
        "neither payload (generic event), nor method and responseCode (API call),"
        " nor model and provider (AI completion)",
    )
