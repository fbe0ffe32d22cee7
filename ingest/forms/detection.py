"""Which wire form a record of a file has."""

from collections.abc import Callable, Mapping
from typing import Literal

from ingest.event import Event, text_of
from ingest.forms import (
    ai_audio,
    ai_completion,
    ai_image,
    ai_video,
    api_event,
    api_meter,
    api_request,
    api_response,
    cloud_event,
    generic_event,
    tool_event,
)
from ingest.refusal import Refusal
from ingest.strict_json import Json

Form = Literal[
    "ai",
    "image",
    "video",
    "audio",
    "api",
    "api_event",
    "api_request",
    "api_response",
    "event",
    "tool",
    "cloud_event",
]
READERS: Mapping[Form, Callable[[Mapping[str, Json]], Event]] = {
    "ai": ai_completion.read,
    "image": ai_image.read,
    "video": ai_video.read,
    "audio": ai_audio.read,
    "api": api_meter.read,
    "api_event": api_event.read,
    "api_request": api_request.read,
    "api_response": api_response.read,
    "event": generic_event.read,
    "tool": tool_event.read,
    "cloud_event": cloud_event.read,
}
_HALF_OF_A_CALL = frozenset({"backendLatency", "gatewayLatency", "totalDuration"})
_MEDIA: Mapping[Form, frozenset[str]] = {
    "image": frozenset({"actualImageCount"}),
    "video": frozenset({"requestedDurationSeconds", "creditsConsumed", "videoJobId", "fps"}),
    "audio": frozenset(
        {
            "characterCount",
            "inputAudioTokenCount",
            "outputAudioTokenCount",
            "audioFormat",
            "sampleRate",
            "voice",
            "language",
        }
    ),
}
_OPERATIONS: Mapping[Json, Form] = {"IMAGE": "image", "VIDEO": "video", "AUDIO": "audio"}


def detect(record: Mapping[str, Json]) -> Form:
    """Return the form of a record by the fields that only one form has.

    Raises:
        Refusal: where no form fits, or more than one.
    """
    if "specversion" in record:
        return "cloud_event"
    if "payload" in record:
        return "event"
    if "toolId" in record:
        return "tool"
    found = _api_form(record) or _ai_form(record)
    if found is None:
        raise Refusal(
            "unknown_form",
            "neither payload (generic event), nor method and responseCode (API call), nor model"
            " and provider (AI call), nor toolId (tool call), nor specversion (CloudEvent)",
        )
    return found


def _api_form(record: Mapping[str, Json]) -> Form | None:
    if "responseCode" in record and "eventType" in record:
        return "api_event"
    if "responseCode" in record and "method" in record:
        return "api"
    if "resource" in record and "method" in record:
        return "api_request"
    if "responseCode" in record and _HALF_OF_A_CALL & record.keys():
        return "api_response"
    return None


def _ai_form(record: Mapping[str, Json]) -> Form | None:
    if "model" not in record and "provider" not in record:
        return None
    for form, marks in _MEDIA.items():
        if marks & record.keys():
            return form
    if (form_said := _OPERATIONS.get(text_of(record.get("operationType")))) is not None:
        return form_said
    if "durationSeconds" in record:
        raise Refusal("unknown_form", "audio or video: say which by operationType, or by --form")
    return "ai"
