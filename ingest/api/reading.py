"""What is read of a server: failures, health, counters, and the description of the API."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError

from ingest.api import openapi
from ingest.api.answers import error_answer
from ingest.api.authentication import Authentication, is_local
from ingest.api.call import Answer, Call
from ingest.api.errors import ApiError, Problem, failed
from ingest.api.failures import count_and_page, hal_page
from ingest.api.health import health
from ingest.api.references import References
from ingest.api.settings import Clock, Settings
from ingest.api.telemetry import Telemetry

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Handler = Callable[[Request, Exception], Awaitable[Response]]

_FAILURES = (
    "/v1/ingestion-failures",
    "/profitstream/v2/api/tenants/{tenant_id}/ingestion-failures",
)
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def reading(readable: "Readable", lifespan: Lifespan) -> FastAPI:
    """Return the application that answers everything but the metering endpoints."""
    app = FastAPI(
        title="Meterhouse metering API",
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    by_key = [Depends(readable.refuse_without_key)]
    for path in _FAILURES:
        app.get(path, dependencies=by_key, tags=["Failures"])(readable.ingestion_failures)
    by_any_key = [Depends(readable.refuse_strangers)]
    app.get(openapi.PRODUCT_KEY, dependencies=by_any_key, tags=["Catalogue"])(readable.product_key)
    app.get("/healthz", tags=["Health"])(readable.healthz)
    app.get("/readyz", tags=["Health"])(readable.readyz)
    app.get("/metrics", tags=["Health"])(readable.metrics)
    _answer_errors(app, readable.clock)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign] # FastAPI's own way
    return app


@dataclass(frozen=True)
class Readable:
    """What can be read of a server."""

    settings: Settings
    authentication: Authentication
    references: References
    telemetry: Telemetry
    clock: Clock

    async def refuse_without_key(self, request: Request) -> None:
        """Let only keys through that may read.

        Raises:
            ApiError: there is none.
        """
        self.authentication.authenticate(_call(request), self.clock(), "read")

    async def refuse_strangers(self, request: Request) -> None:
        """Let only keys through that may read or send: clients ask by the key that they send by.

        Raises:
            ApiError: there is none.
        """
        self.authentication.authenticate(_call(request), self.clock(), "meter:write", "read")

    async def ingestion_failures(
        self,
        request: Request,
        page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        size: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """List what was refused, the latest first, with the reasons and what was sent."""
        total, failures = await run_in_threadpool(
            count_and_page, self.settings.paths, page=page, size=size
        )
        return _json(200, hal_page(request.url.path, total, failures, page=page, size=size))

    async def product_key(self, productKey: str, application: str = "") -> Response:  # noqa: N803 - as clients send it
        """Tell whether the catalogue has a product, and a credential."""
        if not self.references.knows_product(productKey):
            told = "the catalogue has no such product"
            raise ApiError(404, Problem("PRODUCT_NOT_FOUND", told, "productKey"))
        if application and not self.references.knows_credential(application):
            told = "the catalogue has no such credential"
            raise ApiError(404, Problem("CREDENTIAL_NOT_FOUND", told, "application"))
        return _json(200, {"productKey": productKey, "valid": True})

    async def healthz(self) -> Response:
        """Tell that the process answers."""
        return _json(200, {"status": "ok"})

    async def readyz(self) -> Response:
        """Tell whether events can be accepted, and how many wait to be landed."""
        found = health(self.settings.paths, self.clock())
        is_ready = found.is_writable and found.free_bytes >= self.settings.free_space_floor
        status = "ok" if is_ready else "no room, or the disk can't be written"
        return _json(200 if is_ready else 503, {"status": status, **asdict(found)})

    async def metrics(self, request: Request) -> Response:
        """Give the counters to Prometheus: by a key, or without one on this machine."""
        if not is_local(_call(request)):
            await self.refuse_without_key(request)
        text = self.telemetry.exposition(health(self.settings.paths, self.clock()))
        return Response(text, media_type=_TEXT)


def _answer_errors(app: FastAPI, clock: Clock) -> None:
    """Answer every error of the framework in the one shape of errors."""
    makers: Mapping[type[Exception] | int, Callable[[Any], ApiError]] = {
        ApiError: lambda error: error,
        RequestValidationError: _from_validation,
        404: lambda _: ApiError(404, Problem("not_found", "there is nothing at this path")),
        405: lambda _: ApiError(405, Problem("not_allowed", "this path has no such method")),
        Exception: lambda _: failed(),
    }

    def handler(make: Callable[[Any], ApiError]) -> Handler:
        async def handle(request: Request, error: Exception) -> Response:
            return _response(error_answer(make(error), _call(request), clock()))

        return handle

    for kind, make in makers.items():
        app.add_exception_handler(kind, handler(make))


def _from_validation(error: RequestValidationError) -> ApiError:
    problems = [
        Problem("bad_value", str(each["msg"]), ".".join(map(str, each["loc"])))
        for each in error.errors()
    ]
    return ApiError(400, *problems)


def _call(request: Request) -> Call:
    call = request.scope["meterhouse.call"]
    assert isinstance(call, Call)  # noqa: S101 - for the type checker; the application put it there
    return call


def _json(status: int, said: object) -> Response:
    return _response(Answer.of(status, said))


def _response(answer: Answer) -> Response:
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(
        answer.body, answer.status, headers=headers, media_type=answer.content_type.decode()
    )
