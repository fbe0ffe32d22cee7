"""The records of one request on their way to one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from ingest import keys
from ingest.api.answers import RefusedAt
from ingest.api.call import ENCODER
from ingest.api.endpoints import Endpoint
from ingest.api.errors import Problem, problems_of, shown
from ingest.api.references import References
from ingest.event import Event
from ingest.refusal import Refusal
from ingest.segments import Batch, RefusedRecord

_KEYS = {"subscriber": keys.subscriber_key, "email": keys.email_key}
_BAD_RECORD, _UNKNOWN_REFERENCE = 400, 422


@dataclass(slots=True)
class Intake:
    """What is read of a request: events as lines of a segment, and what was refused.

    Attributes:
        idempotency_key: stands in for the ids that a sender did not give, so that they are the
            same when the request is sent again.
        references: what the catalogue knows, where events may name nothing else.
        kept_bytes: of a refused record's text.
        count: how many records were read.
        event: the last event that was understood; `event_id` is what it was named.
    """

    endpoint: Endpoint
    received_at: datetime
    idempotency_key: str
    is_batch: bool
    references: References | None
    kept_bytes: int
    refused_at: list[RefusedAt] = field(default_factory=list)
    count: int = 0
    event: Event | None = None
    event_id: str = ""
    _lines: list[bytes] = field(default_factory=list)
    _points: list[bytes] = field(default_factory=list)
    _people: set[tuple[str, str]] = field(default_factory=set)
    _refused: list[RefusedRecord] = field(default_factory=list)

    def take(self, text: bytes, read: Callable[[], Event]) -> None:
        """Read a record; what can't be read is kept for the quarantine, with its text."""
        index = self.count
        self.count += 1
        try:
            event = read()
            event_id = event.event_id or self._made_id(index)
            line = event.line(event_id, self.received_at)
        except Refusal as refusal:
            self._refuse(text, RefusedAt(index, _BAD_RECORD, problems_of(refusal)), refusal.reason)
            return
        if self.references and (unknown := self.references.unknown_in(event)):
            self._refuse(text, RefusedAt(index, _UNKNOWN_REFERENCE, unknown), "unknown_reference")
            return
        (self._points if event.series else self._lines).append(line)
        self._identify(event)
        self.event, self.event_id = event, event_id

    def keep_text(self, text: bytes) -> None:
        """Keep the text of a whole request with the first record that was refused of it."""
        kept = text[: self.kept_bytes].decode("utf-8", "replace")
        self._refused[0] = replace(self._refused[0], raw_text=kept)

    def batch(self) -> Batch:
        """Return all of it, as it is appended."""
        # Many events of few people are the rule.
        identifiers = {_KEYS[kind](value): (kind, value) for kind, value in sorted(self._people)}
        return Batch(self._lines, identifiers, self._refused, self._points)

    def _made_id(self, index: int) -> str:
        if not self.idempotency_key:
            return uuid4().hex
        return f"{self.idempotency_key}-{index}" if self.is_batch else self.idempotency_key

    def _identify(self, event: Event) -> None:
        who = event.identity
        if who.subscriber_id:
            self._people.add(("subscriber", who.subscriber_id))
        if who.email:
            self._people.add(("email", who.email))

    def _refuse(self, text: bytes, refused: RefusedAt, reason: str) -> None:
        self.refused_at.append(refused)
        kept = text[: self.kept_bytes]
        self._refused.append(refused_record(self.endpoint, kept, refused.problems, reason))


def refused_record(
    endpoint: Endpoint, text: bytes, problems: Sequence[Problem], reason: str
) -> RefusedRecord:
    """Return what is kept of a record, or of a whole body, that was refused."""
    return RefusedRecord(
        endpoint=endpoint.path,
        code=problems[0].code,
        reason=reason,
        detail="; ".join(problem.message for problem in problems),
        raw_text=text.decode("utf-8", "replace"),
        fields=ENCODER.encode(shown(problems)).decode(),
    )
