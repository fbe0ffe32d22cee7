"""The body of `POST /meter/v2/ai/video`."""

from collections.abc import Mapping

from ingest.event import Event
from ingest.forms import ai_call
from ingest.strict_json import Json


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that the body of a video generation tells.

    Raises:
        Refusal: where the model, its provider or the duration is missing, or a field is bad.
    """
    return ai_call.read(record, must_have=("durationSeconds",))
