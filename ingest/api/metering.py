"""From a request to a durable batch: read, understood, appended, answered. In this order."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from msgspec import UnsetType

from ingest import strict_json
from ingest.api import splitting
from ingest.api.answers import accepted, batch_answer, error_answer
from ingest.api.bodies import UnreadableBodyError, read_body
from ingest.api.call import Answer, Call
from ingest.api.endpoints import Endpoint, EventEndpoint, OtlpEndpoint
from ingest.api.errors import ApiError, Problem
from ingest.api.idempotency import Idempotency, SenderKey, fingerprint
from ingest.api.intake import Intake, refused_record
from ingest.api.otlp_messages import read_export
from ingest.api.references import References
from ingest.api.settings import Clock, Limits
from ingest.api.value_counts import refuse_too_many_in_json
from ingest.event import Event
from ingest.redaction import redacted
from ingest.segment_writing import SegmentUnavailableError, SegmentWriter
from ingest.segments import Batch
from ingest.strict_json import Json

# After so many bytes of one request's events others get their turn.
_TURN_BYTES = 256 << 10
_LOG = logging.getLogger("meterhouse.api")


@dataclass(frozen=True)
class Taken:
    """What became of a request: its answer, and how many of its records.

    An answer that is not `is_lasting` may be another one when the same request is sent again.
    """

    answer: Answer
    accepted_count: int = 0
    refused_count: int = 0
    is_replay: bool = False
    is_lasting: bool = True


@dataclass(frozen=True)
class _Request:
    """A request whose body was read."""

    call: Call
    body: bytes
    received_at: datetime
    made_from: bytes = b""


@dataclass(frozen=True)
class Metering:
    """Takes requests with events.

    Attributes:
        writer: where batches become durable.
        idempotency: answers by Idempotency-Key.
        clock: stamps the receipt.
        limits: what a request may have.
        references: what the catalogue knows, in strict mode.
    """

    writer: SegmentWriter
    idempotency: Idempotency
    clock: Clock
    limits: Limits
    references: References | None

    async def take(self, call: Call, endpoint: EventEndpoint | OtlpEndpoint, sender: str) -> Taken:
        """Answer a request; an answer of 2xx says that its events are on the disk.

        Args:
            call: the request.
            endpoint: where it was sent.
            sender: the name of its API key.

        Raises:
            ApiError: the request is refused as a whole; it is recorded, unless it should be sent
                again as it is.
        """
        received_at = self.clock()
        try:
            body = await read_body(call, self.limits)
        except UnreadableBodyError as error:
            await self._record(endpoint, error, error.text, received_at)
            raise
        request = _Request(call, body, received_at)
        key = call.header(b"idempotency-key")
        if not key:
            return await self._answer(request, endpoint)
        return await self._answer_once(request, endpoint, SenderKey(sender, key))

    async def _answer_once(
        self, request: _Request, endpoint: EventEndpoint | OtlpEndpoint, key: SenderKey
    ) -> Taken:
        attributes = splitting.cloud_event_headers(request.call)
        known_by = fingerprint(endpoint.path.encode(), request.body, *attributes)
        try:
            earlier = self.idempotency.claim(key, known_by, request.received_at)
        except ApiError as error:
            if error.retry_after is None:
                await self._record(endpoint, error, request.body, request.received_at)
            raise
        if earlier is not None:
            return Taken(earlier, is_replay=True)
        try:
            taken = await self._answer(replace(request, made_from=key.seed(known_by)), endpoint)
        except BaseException:
            self.idempotency.release(key)
            raise
        if taken.is_lasting:
            self.idempotency.keep(key, taken.answer)
        else:
            self.idempotency.release(key)
        return taken

    async def _answer(self, request: _Request, endpoint: EventEndpoint | OtlpEndpoint) -> Taken:
        try:
            if isinstance(endpoint, OtlpEndpoint):
                return await self._take_otlp(request, endpoint)
            return await self._take_events(request, endpoint)
        except UnreadableBodyError as error:
            # For the same body it will always be the same answer, so it is one that is kept.
            text = error.text or request.body
            await self._record(endpoint, error, text, request.received_at)
            answer = error_answer(error, request.call, request.received_at)
            return Taken(answer, refused_count=1)

    async def _take_events(self, request: _Request, endpoint: EventEndpoint) -> Taken:
        call, body = request.call, request.body
        if endpoint.is_cloud_events and splitting.is_binary_cloud_event(call):
            intake = self._intake(request, endpoint)
            intake.take(
                partial(splitting.binary_cloud_event_text, call, body),
                lambda: endpoint.read(splitting.binary_cloud_event(call, body)),
            )
        else:
            refuse_too_many_in_json(body, self.limits.values)
            records = splitting.split(body, call.content_type, self.limits.records)
            intake = self._intake(request, endpoint, is_batch=records.is_batch)
            await _take_all(
                intake,
                (
                    (text, partial(_read, endpoint, text, value))
                    for text, value in zip(records.texts, records.values, strict=True)
                ),
            )
        await self._append(intake)
        return _taken(intake, _events_answer(intake, call))

    async def _take_otlp(self, request: _Request, endpoint: OtlpEndpoint) -> Taken:
        call = request.call
        export = read_export(request.body, call, endpoint.signal, self.limits)
        intake = self._intake(request, endpoint, is_batch=True)
        await _take_all(
            intake,
            ((partial(export.text_of, index), read) for index, read in enumerate(export.reads)),
        )
        await self._append(intake)
        return _taken(intake, export.answer(intake, call))

    def _intake(self, request: _Request, endpoint: Endpoint, *, is_batch: bool = False) -> Intake:
        return Intake(
            endpoint,
            request.received_at,
            request.made_from,
            is_batch,
            self.references,
            self.limits,
        )

    async def _append(self, intake: Intake) -> None:
        if intake.count:
            await self._write(intake.batch(), intake.received_at)

    async def _record(
        self, endpoint: Endpoint, error: ApiError, text: bytes, received_at: datetime
    ) -> None:
        kept = redacted(text)[: self.limits.kept_bytes]
        record = refused_record(endpoint, kept, error.problems, error.problems[0].code)
        await self._write(Batch(refused=[record]), received_at)

    async def _write(self, batch: Batch, received_at: datetime) -> None:
        try:
            await self.writer.append(batch, received_at)
        except SegmentUnavailableError as error:
            _LOG.error("nothing can be acknowledged", extra={"said": {"detail": str(error)}})
            problem = Problem(
                "unavailable", "events can't be kept at the moment; none of these was"
            )
            raise ApiError(503, problem, retry_after=error.retry_after) from None


async def _take_all(
    intake: Intake, records: Iterable[tuple[bytes | Callable[[], bytes], Callable[[], Event]]]
) -> None:
    turn_ends = _TURN_BYTES
    for text, read in records:
        intake.take(text, read)
        if intake.byte_count > turn_ends:
            turn_ends = intake.byte_count + _TURN_BYTES
            await asyncio.sleep(0)


def _read(endpoint: EventEndpoint, text: bytes, value: Json | UnsetType) -> Event:
    known = strict_json.parse_value(text) if isinstance(value, UnsetType) else value
    return endpoint.read(strict_json.object_of(known))


def _events_answer(intake: Intake, call: Call) -> Answer:
    if intake.is_batch:
        refused = intake.refused_at
        return batch_answer(intake.endpoint, intake.count, refused, call, intake.received_at)
    if not intake.last_line:
        (only,) = intake.refused_at
        return error_answer(ApiError(only.status, *only.problems), call, intake.received_at)
    return accepted(intake.endpoint, intake.last_line, intake.received_at)


def _taken(intake: Intake, answer: Answer) -> Taken:
    refused = len(intake.refused_at)
    return Taken(answer, intake.count - refused, refused, is_lasting=intake.is_lasting)
