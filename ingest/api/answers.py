"""What accepted events are answered with, and what refused requests are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ingest.api.call import PROTOBUF, Answer, Call
from ingest.api.endpoints import Endpoint
from ingest.api.errors import ApiError, Problem, error_body, shown

_TRY_AGAIN = frozenset({429, 503})
_SHORT = 127


@dataclass(frozen=True)
class RefusedAt:
    """A record of a request that was refused: which one, counted from 0, and why."""

    index: int
    status: int
    problems: Sequence[Problem]


class _Kept(msgspec.Struct, gc=False):
    """What an event's line tells the sender."""

    event_id: str
    event_key: str
    content_hash: str


_KEPT = msgspec.json.Decoder(_Kept)


def accepted(endpoint: Endpoint, line: bytes, received_at: datetime) -> Answer:
    """Return the answer to one accepted event; its `signature` is the hash of what was said."""
    kept = _KEPT.decode(line)
    said = {
        "id": kept.event_key,
        "label": kept.event_id,
        "resourceType": endpoint.resource_type,
        "signature": kept.content_hash,
        "created": received_at,
    }
    return Answer.of(endpoint.status, said)


def batch_answer(
    endpoint: Endpoint, count: int, refused: Sequence[RefusedAt], call: Call, received_at: datetime
) -> Answer:
    """Return the answer to several records: what is not listed as refused is accepted.

    All accepted: as for one. Some: 207. None: an error, of the status that they have in common.
    """
    said: dict[str, object] = {
        "resourceType": f"{endpoint.resource_type}Batch",
        "created": received_at,
        "accepted": count - len(refused),
        "refused": len(refused),
    }
    if not refused:
        return Answer.of(endpoint.status, said)
    said["items"] = [
        {"index": each.index, "status": each.status, "errors": shown(each.problems)}
        for each in refused
    ]
    if len(refused) < count:
        return Answer.of(207, said)
    statuses = {each.status for each in refused}
    problems = [problem for each in refused for problem in each.problems]
    error = ApiError(statuses.pop() if len(statuses) == 1 else 400, *problems[:1])
    body = error_body(error, path=call.path, now=received_at, request_id=call.request_id)
    return Answer.of(error.status, body | said)


def error_answer(error: ApiError, call: Call, now: datetime) -> Answer:
    """Return the answer to a refused request, in protobuf where that is what was sent."""
    headers = []
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    # What is left of a body that nobody reads would be taken for the next request.
    if error.status in (408, 413, 431):
        headers.append((b"connection", b"close"))
    body = error_body(error, path=call.path, now=now, request_id=call.request_id)
    if call.content_type == PROTOBUF:
        status = _status_message(error.status, str(body["message"]))
        return Answer(error.status, status, PROTOBUF.encode(), tuple(headers))
    return Answer.of(error.status, body, tuple(headers))


def _status_message(status: int, told: str) -> bytes:
    """Return a `google.rpc.Status`, as OTLP answers an error in protobuf: a code and a message."""
    # Clients go by HTTP's status; of gRPC's codes 3 is INVALID_ARGUMENT and 14 UNAVAILABLE.
    code = 14 if status in _TRY_AGAIN else 3
    # Up to this length it takes one byte to say.
    text = told.encode()[:_SHORT].decode(errors="ignore").encode()
    return b"\x08%c\x12%c%b" % (code, len(text), text)
