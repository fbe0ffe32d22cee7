"""How many values a body has, told before they are made: each takes many times its bytes."""

from collections.abc import Mapping
from functools import cache

from google.protobuf.descriptor import Descriptor

from ingest.api.bodies import UnreadableBodyError
from ingest.api.errors import Problem

_JSON_MARKS = (b",", b"[", b"{")
# In protobuf's wire format: a number, 8 bytes, bytes of a length that is told, 4 bytes.
_VARINT, _FIXED_64, _SIZED, _FIXED_32 = 0, 1, 2, 5
_SHORTEST_FIELD = 2
# No reader of protobuf goes deeper.
_LEVELS = 100


def refuse_too_many_in_json(body: bytes, limit: int) -> None:
    """Refuse a body of more than `limit` values, by the characters that go before them.

    Raises:
        UnreadableBodyError: there may be more.
    """
    if len(body) > limit and sum(map(body.count, _JSON_MARKS)) > limit:
        raise _too_many(body, limit)


def refuse_too_many_in_protobuf(body: bytes, message: Descriptor, limit: int) -> None:
    """Refuse a message of more than `limit` fields on all levels; what can't be read has few.

    Raises:
        UnreadableBodyError: there are more.
    """
    if len(body) > limit * _SHORTEST_FIELD and _has_more_fields(body, message, limit):
        raise _too_many(body, limit)


def _too_many(body: bytes, limit: int) -> UnreadableBodyError:
    what = f"more than {limit:,} values in one request"
    return UnreadableBodyError(413, Problem("too_many_records", what), body)


def _has_more_fields(body: bytes, message: Descriptor, limit: int) -> bool:
    # Of each message that a place is in: where to go on, where it ends, what is within it.
    within = [(0, len(body), message)]
    left = limit
    try:
        while within and left >= 0:
            position, end, message = within.pop()
            inner = _messages_in(message)
            while position < end and left >= 0:
                left -= 1
                tag, position = _varint(body, position)
                begin, position = _value(body, position, tag & 7)
                if tag & 7 == _SIZED and tag >> 3 in inner and len(within) < _LEVELS:
                    within.append((position, end, message))
                    position, end, message = begin, position, inner[tag >> 3]
                    inner = _messages_in(message)
    except IndexError:
        return False
    return left < 0


@cache
def _messages_in(message: Descriptor) -> Mapping[int, Descriptor]:
    return {field.number: field.message_type for field in message.fields if field.message_type}


def _value(body: bytes, position: int, wire_type: int) -> tuple[int, int]:
    """Return where a value begins and ends."""
    if wire_type == _SIZED:
        size, position = _varint(body, position)
        return position, position + size
    if wire_type == _VARINT:
        return position, _varint(body, position)[1]
    return position, position + {_FIXED_64: 8, _FIXED_32: 4}.get(wire_type, 0)


def _varint(body: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    # The highest bit says that more follows.
    while (byte := body[position]) & 0x80:
        value |= (byte & 0x7F) << shift
        position += 1
        shift += 7
    return value | byte << shift, position + 1
