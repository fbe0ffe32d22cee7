"""The metering endpoints: paths, forms and what an accepted request is answered with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ingest.event import Event
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
from ingest.strict_json import Json

Signal = Literal["traces", "logs", "metrics"]


@dataclass(frozen=True)
class Endpoint:
    """Where events are sent to.

    Attributes:
        path: the path that stands for the endpoint in records and metrics.
        summary: what is sent, for people.
        resource_type: what an accepted event is called in the answer.
        status: of the answer to accepted events.
        aliases: other paths, that clients use.
    """

    path: str
    summary: str
    resource_type: str
    status: int
    aliases: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths of the endpoint."""
        return (self.path, *self.aliases)


@dataclass(frozen=True)
class EventEndpoint(Endpoint):
    """An endpoint that takes JSON records of one form: one, a list, or one a line."""

    read: Callable[[Mapping[str, Json]], Event] = generic_event.read
    is_cloud_events: bool = False


@dataclass(frozen=True)
class OtlpEndpoint(Endpoint):
    """An endpoint that takes OTLP; without a signal the message tells which it is."""

    signal: Signal | None = None


def _event(
    path: str,
    summary: str,
    resource_type: str,
    read: Callable[[Mapping[str, Json]], Event],
    *aliases: str,
) -> EventEndpoint:
    status = 200 if path == "/meter/v1/api/meter" else 201
    return EventEndpoint(path, summary, resource_type, status, aliases, read)


def _otlp(signal: Signal) -> OtlpEndpoint:
    aliases = (f"/v2/otlp/v1/{signal}", f"/meter/v2/ai/otlp/v1/{signal}")
    return OtlpEndpoint(
        f"/meter/v2/otlp/v1/{signal}", f"OpenTelemetry {signal}", "otlp", 200, aliases, signal
    )


ENDPOINTS: tuple[EventEndpoint | OtlpEndpoint, ...] = (
    _event("/meter/v1/api/meter", "An API call with its elements", "meter", api_meter.read),
    _event("/meter/v1/api/event", "A request or a response of an API", "event", api_event.read),
    _event("/meter/v2/ai/completions", "An AI completion", "aICompletion", ai_completion.read),
    _event("/meter/v2/ai/images", "Images made by AI", "aIImage", ai_image.read),
    _event("/meter/v2/ai/video", "Video made by AI", "aIVideo", ai_video.read),
    _event("/meter/v2/ai/audio", "Audio made or read by AI", "aIAudio", ai_audio.read),
    _event(
        "/meter/v2/events", "Any event; each key a metering element", "event", generic_event.read
    ),
    _event("/meter/v2/apis/requests", "The first half of an API call", "request", api_request.read),
    _event("/meter/v2/apis/responses", "The other half of it", "response", api_response.read),
    _event(
        "/meter/v2/tool/events", "A call of a tool", "toolEvent", tool_event.read, "/tool/events"
    ),
    EventEndpoint(
        "/v1/events",
        "CloudEvents 1.0: one, a batch, or one a line",
        "cloudEvent",
        201,
        ("/api/v1/events",),
        cloud_event.read,
        is_cloud_events=True,
    ),
    _otlp("traces"),
    _otlp("logs"),
    _otlp("metrics"),
    OtlpEndpoint(
        "/meter/v2/otlp",
        "OpenTelemetry of any signal",
        "otlp",
        200,
        ("/v2/otlp", "/meter/v2/ai/otlp"),
    ),
)
BY_PATH: Mapping[str, EventEndpoint | OtlpEndpoint] = {
    path: endpoint for endpoint in ENDPOINTS for path in endpoint.paths
}
