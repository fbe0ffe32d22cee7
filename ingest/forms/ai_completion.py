"""The body of `POST /meter/v2/ai/completions`."""

from collections.abc import Mapping

from ingest.event import Event
from ingest.forms import ai_call
from ingest.strict_json import Json


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a completion's body tells.

    Raises:
        Refusal: where the model or its provider is missing, or a field is bad.
    """
    return ai_call.read(record)
