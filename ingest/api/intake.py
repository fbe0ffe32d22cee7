"""The records of one request on their way to one batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from ingest import keys
from ingest.api.answers import RefusedAt
from ingest.api.bodies import UnreadableBodyError
from ingest.api.call import ENCODER
from ingest.api.endpoints import Endpoint
from ingest.api.errors import Problem, problems_of, shown
from ingest.api.idempotency import fingerprint
from ingest.api.references import References
from ingest.api.settings import Limits
from ingest.event import Event
from ingest.redaction import redacted
from ingest.refusal import Refusal
from ingest.segments import MAX_LINE_BYTES, Batch, RefusedRecord

_KEYS = {"subscriber": keys.subscriber_key, "email": keys.email_key}
_BAD_RECORD, _UNKNOWN_REFERENCE = 400, 422
# What time, or a new catalogue, changes.
_PASSING = frozenset({"future", "unknown_reference"})


@dataclass(slots=True)
class Intake:
    """What is read of a request: events as lines of a segment, and what was refused.

    Attributes:
        made_from: what ids are made of that a sender did not give, so that they are the same when
            the request is sent again; empty where nothing tells that it is.
        references: what the catalogue knows, where events may name nothing else.
        count: how many records were read.
        byte_count: of all that is kept of them.
        last_line: of the last event that was accepted.
        is_lasting: sent again, the same records would be refused again.
    """

    endpoint: Endpoint
    received_at: datetime
    made_from: bytes
    is_batch: bool
    references: References | None
    limits: Limits
    refused_at: list[RefusedAt] = field(default_factory=list)
    count: int = 0
    byte_count: int = 0
    last_line: bytes = b""
    is_lasting: bool = True
    _lines: list[bytes] = field(default_factory=list)
    _points: list[bytes] = field(default_factory=list)
    _people: set[tuple[str, str]] = field(default_factory=set)
    _refused: list[RefusedRecord] = field(default_factory=list)

    def take(self, text: bytes | Callable[[], bytes], read: Callable[[], Event]) -> None:
        """Read a record; what can't be read is kept for the quarantine, with its text.

        A text that has to be made is made for what is refused only.

        Raises:
            UnreadableBodyError: what the request makes is too much to be kept.
        """
        index = self.count
        self.count += 1
        try:
            event = read()
            line = self._line(event, index)
        except Refusal as refusal:
            self._refuse(text, RefusedAt(index, _BAD_RECORD, problems_of(refusal)), refusal.reason)
            return
        if self.references and (unknown := self.references.unknown_in(event)):
            self._refuse(text, RefusedAt(index, _UNKNOWN_REFERENCE, unknown), "unknown_reference")
            return
        (self._points if event.series else self._lines).append(line)
        self._identify(event)
        self._add(len(line))
        self.last_line = line

    def batch(self) -> Batch:
        """Return all of it, as it is appended."""
        # Many events of few people are the rule.
        identifiers = {_KEYS[kind](value): (kind, value) for kind, value in sorted(self._people)}
        return Batch(self._lines, identifiers, self._refused, self._points)

    def _line(self, event: Event, index: int) -> bytes:
        line = event.line(event.event_id or self._made_id(index), self.received_at)
        if len(line) > MAX_LINE_BYTES:
            told = f"{len(line):,} bytes as the record is kept; at most {MAX_LINE_BYTES:,} are"
            raise Refusal("too_large", told)
        return line

    def _made_id(self, index: int) -> str:
        if not self.made_from:
            return uuid4().hex
        return fingerprint(self.made_from, b"%d" % index).hex()

    def _add(self, kept_bytes: int) -> None:
        # A few bytes may stand for many: what a resource says is said again by each of its spans.
        self.byte_count += kept_bytes
        limit = self.limits.kept_total_bytes
        if self.byte_count > limit:
            told = f"what is kept of the request is more than {limit:,} bytes"
            raise UnreadableBodyError(413, Problem("too_large", told))

    def _identify(self, event: Event) -> None:
        who = event.identity
        if who.subscriber_id:
            self._people.add(("subscriber", who.subscriber_id))
        if who.email:
            self._people.add(("email", who.email))

    def _refuse(self, text: bytes | Callable[[], bytes], refused: RefusedAt, reason: str) -> None:
        whole = text() if callable(text) else text
        # What is not kept of it was read all the same, and cost time.
        self._add(len(whole))
        kept = redacted(whole)[: self.limits.kept_bytes]
        self.refused_at.append(refused)
        record = refused_record(self.endpoint, kept, refused.problems, reason)
        self._refused.append(record)
        self.is_lasting = self.is_lasting and reason not in _PASSING
        self._add(len(record.detail) + len(record.fields))


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
