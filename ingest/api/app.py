"""The server as one ASGI application: the metering endpoints, and what is read beside them."""

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from ingest.api.answers import error_answer
from ingest.api.authentication import Authentication
from ingest.api.call import Answer, Application, Call, Message, Receive, Scope, Send
from ingest.api.endpoints import BY_PATH, EventEndpoint, OtlpEndpoint
from ingest.api.errors import ApiError, Problem, failed
from ingest.api.idempotency import Idempotency
from ingest.api.logs import LOGGER
from ingest.api.metering import Metering
from ingest.api.rate_limits import RateLimits
from ingest.api.reading import Readable, reading
from ingest.api.references import References
from ingest.api.settings import Clock, Settings
from ingest.api.telemetry import Telemetry
from ingest.api_keys import KeyStore
from ingest.segment_writing import SegmentWriter, repair

_LOG = logging.getLogger(LOGGER)
_REQUEST_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII)
_HOUSEKEEPING_SECONDS = 10
_PAUSE_SECONDS = 0.05
_OTHER = "other"


def create(
    settings: Settings, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic
) -> Application:
    """Return a server's application; it owns its files until its lifespan ends.

    Args:
        settings: how it is set up.
        clock: tells the present instant, with a zone.
        monotonic: tells seconds that never go back.

    Raises:
        KeyStoreError: the keys can't be read.
    """
    keys = KeyStore(settings.paths.keys)
    idempotency = Idempotency(settings.paths.api)
    writer = SegmentWriter(
        settings.paths.landing,
        max_age=settings.segment_age,
        free_space_floor=settings.free_space_floor,
    )
    references = References(settings.paths.lake, monotonic)
    metering = Metering(
        writer, idempotency, clock, settings.limits, references if settings.is_strict else None
    )
    authentication = Authentication(keys, is_open_on_loopback=settings.is_open_on_loopback)
    telemetry = Telemetry()

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        try:
            repair(settings.paths.landing)
        except OSError as error:
            _LOG.error("segments can't be repaired yet", extra={"said": {"detail": str(error)}})
        tidying = asyncio.create_task(_keep_tidy(idempotency, clock))
        yield
        tidying.cancel()
        await writer.close()
        idempotency.close()
        keys.close()

    return _Api(
        settings,
        metering,
        authentication,
        RateLimits(settings.limits.requests_per_second, monotonic),
        telemetry,
        reading(Readable(settings, authentication, references, telemetry, clock), lifespan),
        clock,
        monotonic,
    )


async def _keep_tidy(idempotency: Idempotency, clock: Clock) -> None:
    while True:
        idempotency.retry()
        has_more = await asyncio.to_thread(idempotency.prune, clock())
        # Who writes meanwhile comes first.
        await asyncio.sleep(_PAUSE_SECONDS if has_more else _HOUSEKEEPING_SECONDS)


@dataclass(frozen=True)
class _Api:
    """Answers calls: those with events itself, the others by the framework."""

    settings: Settings
    metering: Metering
    authentication: Authentication
    rate_limits: RateLimits
    telemetry: Telemetry
    reading: Application
    clock: Clock
    monotonic: Callable[[], float]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.reading(scope, receive, send)
            return
        started = self.monotonic()
        call = Call.of(scope, receive, _request_id(scope))
        endpoint = BY_PATH.get(call.path)
        if endpoint is None:
            name, status = await self._read(call, scope, send)
        else:
            answer = await self._answer(call, endpoint)
            await answer.send(send, call.request_id)
            name, status = endpoint.path, answer.status
        seconds = self.monotonic() - started
        self.telemetry.request(name, status, seconds)
        self._log(call, name, status, seconds)

    async def _answer(self, call: Call, endpoint: EventEndpoint | OtlpEndpoint) -> Answer:
        try:
            return await self._meter(call, endpoint)
        except ApiError as error:
            return error_answer(error, call, self.clock())
        except Exception:  # noqa: BLE001 - whatever it is, the sender gets an answer
            _LOG.exception("failed", extra={"said": {"request_id": call.request_id}})
            return error_answer(failed(), call, self.clock())

    async def _meter(self, call: Call, endpoint: EventEndpoint | OtlpEndpoint) -> Answer:
        _refuse_head(call, self.settings)
        if call.method != "POST":
            raise ApiError(405, Problem("not_allowed", "events are sent by POST"))
        key = self.authentication.authenticate(call, self.clock(), "meter:write")
        self.rate_limits.take(key)
        taken = await self.metering.take(call, endpoint, key.name)
        self.telemetry.taken(endpoint.path, taken, self.metering.writer)
        return taken.answer

    async def _read(self, call: Call, scope: Scope, send: Send) -> tuple[str, int]:
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", call.request_id.encode()),
                ]
            await send(message)

        scope["meterhouse.call"] = call
        try:
            _refuse_head(call, self.settings)
            await self.reading(scope, call.receive, observed)
        except ApiError as error:
            await error_answer(error, call, self.clock()).send(send, call.request_id)
            status = error.status
        except Exception:  # noqa: BLE001 - it is logged, and the server goes on
            # The framework has answered already.
            _LOG.exception("failed", extra={"said": {"request_id": call.request_id}})
        route = scope.get("route")
        return getattr(route, "path", _OTHER), status

    def _log(self, call: Call, name: str, status: int, seconds: float) -> None:
        if status < HTTPStatus.BAD_REQUEST and not self.settings.logs_requests:
            return
        said = {
            "request_id": call.request_id,
            "method": call.method,
            "endpoint": name,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "peer": call.peer,
        }
        _LOG.info("answered", extra={"said": said})


_SERVER = secrets.token_hex(4)
_COUNT = itertools.count(1)


def _request_id(scope: Scope) -> str:
    """Return the sender's own id of the request, else one that is made."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return f"{_SERVER}-{next(_COUNT):x}"


def _refuse_head(call: Call, settings: Settings) -> None:
    limits = settings.limits
    if len(call.path) + len(call.query) > limits.url_bytes:
        raise ApiError(414, Problem("too_large", f"a URL above {limits.url_bytes:,} bytes"))
    if sum(len(name) + len(value) for name, value in call.headers.items()) > limits.head_bytes:
        raise ApiError(431, Problem("too_large", f"headers above {limits.head_bytes:,} bytes"))
