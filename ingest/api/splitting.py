"""A body of JSON records, taken apart into the text of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ingest import strict_json
from ingest.api.bodies import UnreadableBodyError
from ingest.api.call import Call
from ingest.api.errors import Problem
from ingest.forms import cloud_event
from ingest.redaction import text_without_secrets
from ingest.refusal import Refusal
from ingest.strict_json import Json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
# A line that says anything, from its first character that is not blank.
_LINE = re.compile(rb"[^ \t\r\n][^\n]*")
_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
# Where each element of a list ends is found here; what it says, by the strict reader.
_LIST = msgspec.json.Decoder(list[Raw])
_ATTRIBUTE = b"ce-"


@dataclass(frozen=True)
class Records:
    """The records of a body, as texts.

    Attributes:
        values: what each says, or UNSET where that is still to be read.
        is_batch: a list or lines came, though it may be only one.
    """

    texts: Sequence[bytes]
    values: Sequence[Json | UnsetType]
    is_batch: bool


def split(body: bytes, content_type: str, limit: int) -> Records:
    """Return the records of a body: one object, a list of them, or one a line.

    The first character tells a list from an object, whatever the Content-Type says; that these are
    lines has to be told by it.

    Raises:
        UnreadableBodyError: the body is no list of JSON values, or has more than `limit` records.
    """
    text = body.removeprefix(_BYTE_ORDER_MARK).strip(_BLANK)
    if content_type in _LINES:
        lines = islice(_LINE.finditer(text), limit + 1)
        return _batch([line[0] for line in lines], UNSET, body, limit)
    if not text.startswith(b"["):
        return Records([text], [UNSET], is_batch=False)
    try:
        texts = _LIST.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        problem = Problem("not_json", f"the list can't be read: {error}")
        raise UnreadableBodyError(400, problem, body) from None
    # To read all of them at once is cheaper; what is wrong with one is told by its text alone.
    return _batch(texts, strict_json.proven(text, strict_json.MAX_BYTES), body, limit)


def _batch(
    texts: Sequence[bytes | Raw], values: Json | UnsetType, body: bytes, limit: int
) -> Records:
    if len(texts) > limit:
        what = f"more than {limit:,} records in one request"
        raise UnreadableBodyError(413, Problem("too_many_records", what), body)
    sent = [bytes(text) for text in texts]
    if isinstance(values, list):
        return Records(sent, values, is_batch=True)
    return Records(sent, [UNSET] * len(sent), is_batch=True)


def is_binary_cloud_event(call: Call) -> bool:
    """Whether a CloudEvent comes in binary mode: its attributes as headers, its data as body."""
    return b"ce-specversion" in call.headers or b"ce-id" in call.headers


def cloud_event_headers(call: Call) -> Sequence[bytes]:
    """Return the attributes of a CloudEvent of binary mode, as they distinguish requests."""
    return [b"%b:%b" % pair for pair in sorted(call.headers.items()) if pair[0][:3] == _ATTRIBUTE]


def binary_cloud_event(call: Call, body: bytes) -> dict[str, Json]:
    """Return a CloudEvent of binary mode as the record of structured mode.

    Raises:
        Refusal: its data are no text, or of JSON's type and no JSON.
    """
    record = _attributes(call)
    if body:
        record["data"] = cloud_event.data_of(body, call.content_type)
    strict_json.check(record)
    return record


def binary_cloud_event_text(call: Call, body: bytes) -> bytes:
    """Return a CloudEvent of binary mode, readable or not, as structured mode without secrets."""
    record = _attributes(call)
    try:
        record["data"] = cloud_event.data_of(body, call.content_type) if body else None
    except Refusal:
        record["data"] = body.decode("utf-8", "replace")
    return text_without_secrets(record)


def _attributes(call: Call) -> dict[str, Json]:
    attributes: dict[str, Json] = {
        name[len(_ATTRIBUTE) :].decode("latin-1"): unquote(value.decode("latin-1"))
        for name, value in call.headers.items()
        if name.startswith(_ATTRIBUTE)
    }
    if call.content_type:
        attributes["datacontenttype"] = call.content_type
    return attributes
