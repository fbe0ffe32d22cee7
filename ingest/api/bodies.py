"""Reading a body: within its limits, at once or in chunks, plain or compressed."""

import asyncio
import zlib

from ingest.api.call import Call, Message
from ingest.api.errors import ApiError, Problem
from ingest.api.settings import Limits

_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15
_PLAIN = frozenset({"", "identity"})
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
# For each one all that follows it is copied.
_MOST_MEMBERS = 100
# A length of more digits is too large by any of them.
_MOST_DIGITS = 18


class UnreadableBodyError(ApiError):
    """A body can't be read; `text` is what came of it, for the ingestion failures."""

    def __init__(self, status: int, problem: Problem, text: bytes = b"") -> None:
        super().__init__(status, problem)
        self.text = text


async def read_body(call: Call, limits: Limits) -> bytes:
    """Return the body, decompressed.

    Raises:
        UnreadableBodyError: too large, sent too slowly, of an unknown encoding, or damaged.
    """
    encoding = call.header(b"content-encoding").lower()
    if encoding not in _PLAIN | _ENCODINGS:
        what = f"the Content-Encoding '{encoding[:40]}' is not known"
        raise UnreadableBodyError(415, Problem("bad_content_encoding", what))
    announced = call.header(b"content-length")[:_MOST_DIGITS]
    if announced.isascii() and announced.isdigit() and int(announced) > limits.body_bytes:
        raise _too_large(limits.body_bytes, f"a body of {int(announced):,} bytes")
    sent = await _read_sent(call, limits)
    return sent if encoding in _PLAIN else decompress(sent, encoding, limits.decoded_bytes)


async def _read_sent(call: Call, limits: Limits) -> bytes:
    sent = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            message = await call.receive()
            # Nearly every body is there as a whole at once.
            if message["type"] == "http.request" and not message.get("more_body"):
                return bytes(_within(limits, message["body"]))
            return await _read_chunks(call, message, sent, limits)
    except TimeoutError:
        slow = f"the body was not there after {limits.body_seconds:g} s"
        raise UnreadableBodyError(408, Problem("too_slow", slow), bytes(sent)) from None


async def _read_chunks(call: Call, message: Message, sent: bytearray, limits: Limits) -> bytes:
    while message["type"] == "http.request":
        sent += message.get("body", b"")
        _within(limits, sent)
        if not message.get("more_body"):
            return bytes(sent)
        message = await call.receive()
    raise UnreadableBodyError(400, Problem("cut_off", "the body was cut off"), bytes(sent))


def _within(limits: Limits, sent: bytes | bytearray) -> bytes | bytearray:
    if len(sent) > limits.body_bytes:
        raise _too_large(limits.body_bytes, f"a body of {len(sent):,} bytes or more", bytes(sent))
    return sent


def decompress(sent: bytes, encoding: str, limit: int) -> bytes:
    """Return what was compressed, without ever making much more than `limit` bytes of it.

    Gzip may have some members; deflate may come with zlib's frame or without.

    Raises:
        UnreadableBodyError: more than `limit` bytes, damaged, cut off, or followed by more.
    """
    made = bytearray()
    rest = sent
    members = 0
    window = _window(sent, encoding)
    try:
        while True:
            inflater = zlib.decompressobj(window)
            made += inflater.decompress(rest, limit + 1 - len(made))
            if len(made) > limit:
                raise _too_large(limit, "a body that decompresses to more", bytes(made))
            if not inflater.eof:
                raise _damaged(encoding, "it is cut off", made)
            rest = inflater.unused_data
            members += 1
            if not rest or window != _GZIP or members == _MOST_MEMBERS:
                break
    except zlib.error as error:
        raise _damaged(encoding, str(error).rpartition(": ")[2], made) from None
    if rest:
        raise _damaged(encoding, "something follows its end", made)
    return bytes(made)


def _window(sent: bytes, encoding: str) -> int:
    if encoding != "deflate":
        return _GZIP
    # Senders disagree about what deflate means; zlib's two bytes are told by their check.
    has_frame = (
        len(sent) > 1 and sent[0] & 15 == zlib.DEFLATED and not (sent[0] * 256 + sent[1]) % 31
    )
    return _ZLIB if has_frame else _RAW_DEFLATE


def _damaged(encoding: str, what: str, made: bytearray) -> UnreadableBodyError:
    problem = Problem("bad_content_encoding", f"the body can't be read as {encoding}: {what}")
    return UnreadableBodyError(400, problem, bytes(made))


def _too_large(limit: int, what: str, text: bytes = b"") -> UnreadableBodyError:
    return UnreadableBodyError(
        413, Problem("too_large", f"{what}; at most {limit:,} are read"), text
    )
