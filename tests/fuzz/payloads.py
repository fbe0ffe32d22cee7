"""Requests that nobody should send: those of real clients, and of the examples, made worse."""

import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from ingest.api.endpoints import BY_PATH
from ingest.api.openapi import EXAMPLES
from tests.wire.recorded import recorded_requests

JSON, LINES, PROTOBUF = "application/json", "application/x-ndjson", "application/x-protobuf"
MEBIBYTE = 1 << 20
Chance = random.Random


@dataclass(frozen=True)
class Request:
    """A request as ASGI tells of it.

    Attributes:
        body: before it is compressed or cut into chunks.
        chunks: as they arrive; the whole body at once where there are none.
        is_cut_off: the sender goes away before the last of them.
        made_by: what was done to the request, for reports.
    """

    path: str
    body: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)
    method: str = "POST"
    query: bytes = b""
    chunks: Sequence[bytes] = ()
    is_cut_off: bool = False
    made_by: tuple[str, ...] = ()

    def having(self, *, body: bytes | None = None, **headers: bytes | str) -> "Request":
        """Return it with another body or other headers; `_` stands for `-` in their names."""
        given = {
            name.replace("_", "-"): text.encode() if isinstance(text, str) else text
            for name, text in headers.items()
        }
        body = self.body if body is None else body
        return replace(self, body=body, headers={**self.headers, **given})


Mutate = Callable[[Request, Chance], Request]


@cache
def sound_requests() -> Sequence[Request]:
    """Return requests of real clients and the documented examples, uncompressed."""
    recorded = [
        Request(
            each.path.partition("?")[0],
            each.content,
            {"content-type": each.headers["content-type"].encode()},
        )
        for each in recorded_requests()
    ]
    documented = [
        Request(path, json.dumps(EXAMPLES[endpoint.path]).encode()).having(content_type=JSON)
        for path, endpoint in BY_PATH.items()
    ]
    return [*recorded, *documented]


def requests(seed: int, count: int) -> Iterator[Request]:
    """Yield requests; the same ones for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        yield _request(chance, number)


def _request(chance: Chance, number: int) -> Request:
    request = chance.choice(sound_requests())
    if chance.random() < 0.3:
        request = _as_batch(request, chance)
    is_protobuf = request.headers["content-type"] == PROTOBUF.encode()
    about_body = _OF_PROTOBUF if is_protobuf else _OF_JSON
    for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 3))):
        request = _mutated(request, chance.choice(about_body), chance)
    for mutations, share in ((_OF_HEADERS, 0.2), (_OF_ENCODING, 0.25), (_OF_TRANSFER, 0.1)):
        if chance.random() < share:
            request = _mutated(request, chance.choice(mutations), chance)
    # The dear ones are few: each takes as long as a hundred others.
    if chance.random() < 0.004:
        request = _mutated(request, _BOMBS[number % len(_BOMBS)], chance)
    return request


def _mutated(request: Request, mutate: Mutate, chance: Chance) -> Request:
    made = mutate(request, chance)
    return replace(made, made_by=(*request.made_by, mutate.__name__.strip("_")))


# --- JSON: one place of the tree is replaced by a text that a serializer would not write ---

_NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "1e99999999", "1e+61", "-0"),
    *("0x10", "01", "1_000", ".5", "1.", "+1", "1e", "--1", "9007199254740993", "1e13", "0e0"),
    *(str(2**63), str(-(2**63) - 1), str(2**64), "0." + "1" * 59, "0." + "9" * 130, "-1"),
)
_TEXTS = (
    *(r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udfff\ud800"', r'"\uD83D\uDE00"', r'"\x41"'),
    *('""', '"   "', '"\u2028"', '"\u202e\u0301"', r'"\r\nset-cookie: a=b"', '"unclosed', "'a'"),
    *('"2026-02-30T00:00:00Z"', '"2026-03-01T00:00:00"', '"9999-12-31T23:59:59-23:59"'),
    *('"0000-00-00T00:00:00Z"', '"2026-03-01T24:00:00Z"', '"2026-03-01T00:00:60Z"', '"1e400"'),
    *('"2026-03-01T00:59:59.1234567891Z"', '"NaN"', '"-5"', '"\uff11\uff12"', '"=1+1"'),
    *('"../../../etc/passwd"', '"\'; drop table x; --"', '"${7*7}{{7*7}}"', '"\t"', '"\x01"'),
)
_STRUCTURES = ("null", "true", "[]", "{}", "[[]]", '{"":""}', "[null]", '[{"name":null}]', "")
_BYTES = (
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\xc0\x80"',
    b'"\xf5\x80\x80\x80"',
    b"\x00",
    b'"\x00"',
)
_MARK = "\ue000here\ue000"


def _odd_value(chance: Chance) -> bytes:
    kinds: tuple[Callable[[], str | bytes], ...] = (
        lambda: chance.choice(_NUMBERS),
        lambda: chance.choice(_TEXTS),
        lambda: chance.choice(_STRUCTURES),
        lambda: chance.choice(_BYTES),
        lambda: "1" * chance.choice((13, 14, 18, 19, 20, 40, 59, 60, 61, 309, 4300, 5000)),
        lambda: '"' + "é" * chance.choice((1, 80, 255, 256, 4000)) + '"',
        lambda: _nested(chance),
    )
    made = chance.choice(kinds)()
    return made.encode() if isinstance(made, str) else made


def _nested(chance: Chance) -> str:
    depth = chance.choice((2, 30, 31, 32, 33, 64, 200, 1_000, 1_030, 20_000, 100_000))
    opens, closes = chance.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
    return opens * depth + "1" + closes * chance.choice((depth, depth, depth - 1))


def _replace_a_value(request: Request, chance: Chance) -> Request:
    return _edited(request, chance, lambda _: _MARK, _odd_value(chance))


def _swap_types(request: Request, chance: Chance) -> Request:
    swaps: Sequence[Callable[[Any], object]] = (
        str,
        lambda held: [held],
        lambda held: {"value": held},
        lambda held: [held] * 3,
        lambda _: None,
        lambda held: isinstance(held, str),
        lambda held: len(str(held)),
        lambda held: -1.5 if isinstance(held, str) else f"{held}.0",
    )
    return _edited(request, chance, chance.choice(swaps))


def _huge_value(request: Request, chance: Chance) -> Request:
    huge = chance.choice(
        (
            '"' + "a" * chance.choice((50_000, 50_001, 70_000, MEBIBYTE)) + '"',
            "[" + "1," * chance.choice((1_000, 60_000)) + "1]",
            "{" + ",".join(f'"k{place}":{place}' for place in range(1_001)) + "}",
            '{"' + "k" * 300 + '":1}',
            "{" + '"":1,' * 50 + '"a":1}',
        )
    )
    return _edited(request, chance, lambda _: _MARK, huge.encode())


def _repeat_a_key(request: Request, chance: Chance) -> Request:
    tree = _tree(request.body)
    objects = [each for each in _holders(tree) if isinstance(each, dict) and each]
    if not objects:
        return _flip_bytes(request, chance)
    chosen = chance.choice(objects)
    name = chance.choice(list(chosen))
    chosen[_MARK] = chance.choice((chosen[name], None, 7, "other"))
    # An escape spells the same key.
    spelled = chance.choice((name, f"\\u{ord(name[0]):04x}{name[1:]}" if name else name))
    return _written(request, tree, b'"%b"' % spelled.encode())


def _rename_or_drop_a_key(request: Request, chance: Chance) -> Request:
    tree = _tree(request.body)
    objects = [each for each in _holders(tree) if isinstance(each, dict) and each]
    if not objects:
        return _truncate(request, chance)
    chosen = chance.choice(objects)
    held = chosen.pop(chance.choice(list(chosen)))
    if chance.random() < 0.5:
        chosen[chance.choice(("", "x", "__proto__", "event_id", "payload", "data", "é"))] = held
    return _written(request, tree)


def _edited(
    request: Request, chance: Chance, edit: Callable[[Any], object], raw: bytes = b""
) -> Request:
    """Edit a value somewhere in the body's tree; what is marked in it is spelled as `raw`."""
    tree = [_tree(request.body)]
    holder = chance.choice(list(_holders(tree)))
    places: Sequence[Any] = list(holder) if isinstance(holder, dict) else range(len(holder))
    if not places:
        return _flip_bytes(request, chance)
    place = chance.choice(places)
    holder[place] = edit(holder[place])
    return _written(request, tree[0], raw)


def _tree(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # What was made worse before may be no JSON by now.
        return {"body": body[:100].decode("latin-1")}


def _holders(tree: object) -> Iterator[Any]:
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            yield holder
            waiting += holder.values() if isinstance(holder, dict) else holder


def _written(request: Request, tree: object, raw: bytes = b"") -> Request:
    try:
        body = json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except RecursionError:
        return request
    return request.having(body=body.replace(b'"%b"' % _MARK.encode(), raw))


# --- bytes, whatever they mean ---


def _flip_bytes(request: Request, chance: Chance) -> Request:
    body = bytearray(request.body or b"{}")
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return request.having(body=bytes(body))


def _flip_a_bit(request: Request, chance: Chance) -> Request:
    body = bytearray(request.body or b"{}")
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return request.having(body=bytes(body))


def _truncate(request: Request, chance: Chance) -> Request:
    return request.having(body=request.body[: chance.randrange(len(request.body) + 1)])


def _repeat_a_part(request: Request, chance: Chance) -> Request:
    body = request.body
    start, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    times = chance.choice((0, 2, 2, 3))
    return request.having(body=body[:start] + body[start:end][:10_000] * times + body[end:])


def _random_bytes(request: Request, chance: Chance) -> Request:
    return request.having(body=chance.randbytes(chance.choice((0, 1, 2, 16, 200, 5_000))))


def _other_encoding(request: Request, chance: Chance) -> Request:
    body = request.body
    text = body.decode("utf-8", "replace")
    made = chance.choice(
        (
            b"\xef\xbb\xbf" + body,
            b"\xef\xbb\xbf\xef\xbb\xbf" + body,
            text.encode("utf-16"),
            text.encode("utf-32-be"),
            text.replace("a", "ä").encode("latin-1", "replace"),
            b"   \r\n\t" + body + b"\n\n",
            body + body,
            body + b"\x00",
            b"\x0c" + body,
            b"/* hello */" + body,
        )
    )
    return request.having(body=made)


# --- several records ---


def _as_batch(request: Request, chance: Chance) -> Request:
    """Return a request of several records, each with an id of its own."""
    endpoint = BY_PATH[request.path]
    if endpoint.resource_type == "otlp":
        return request
    one = _tree(request.body)
    count = chance.choice((0, 1, 2, 3, 20))
    records = [json.dumps(_renamed(one, chance)).encode() for _ in range(count)]
    for place in range(count):
        if chance.random() < 0.2:
            records[place] = chance.choice(
                (b"{}", b"7", b"null", b'"a"', b"[]", _odd_value(chance))
            )
    if chance.random() < 0.5:
        made = request.having(body=b"[" + b",".join(records) + b"]")
    else:
        ends = chance.choice((b"\n", b"\r\n", b"\n\n \n"))
        made = request.having(body=ends.join(records), content_type=LINES)
    return replace(made, made_by=("batch",))


def _renamed(record: Any, chance: Chance) -> Any:
    name = "id" if "specversion" in record else "transactionId"
    return {**record, name: f"{chance.getrandbits(64):x}"}


# --- protobuf ---


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _huge_varint(request: Request, chance: Chance) -> Request:
    varint = chance.choice((b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 20, _varint(2**31 - 1)))
    place = chance.randrange(len(request.body) + 1)
    return request.having(body=request.body[:place] + varint + request.body[place:])


def _wrong_wire_type(request: Request, chance: Chance) -> Request:
    tag = _varint(chance.choice((1, 2, 3, 4, 5, 15, 2**29 - 1)) << 3 | chance.randrange(8))
    return request.having(body=tag + chance.choice((b"", b"\x00", request.body, b"\x7fshort")))


def _odd_record(request: Request, chance: Chance) -> Request:
    """Return an export of one span, log record or metric that is put together at random."""
    fields = [_odd_field(chance) for _ in range(chance.randrange(12))]
    record = b"".join(fields)
    return request.having(body=_field(1, _field(2, _field(2, record))))


def _odd_field(chance: Chance) -> bytes:
    number = chance.randrange(1, 20)
    attribute = _field(1, b"gen_ai.usage.input_tokens") + _field(2, _odd_any(chance, 3))
    contents = (
        chance.randbytes(chance.choice((0, 1, 8, 16, 40))),
        attribute,
        b"a\x00b",
        b"\xed\xa0\x80",
        b"chat",
        _field(1, _field(7, attribute) + b"\x19" + struct.pack("<Q", 2**64 - 1)),
    )
    return chance.choice(
        (
            _field(number, chance.choice(contents)),
            _varint(number << 3) + _varint(chance.choice((0, 1, 2**31, 2**63, 2**64 - 1))),
            _varint(number << 3 | 1) + struct.pack("<d", chance.choice((float("nan"), 1e308, -1))),
            _varint(number << 3 | 5) + chance.randbytes(4),
        )
    )


def _odd_any(chance: Chance, levels: int) -> bytes:
    if levels and chance.random() < 0.5:
        inner = _odd_any(chance, levels - 1)
        pair = _field(1, b"a") + _field(2, inner)
        return chance.choice((_field(5, _field(1, inner) * 3), _field(6, _field(1, pair) * 2)))
    return chance.choice(
        (
            _field(1, chance.choice((b"", b"text", b"\x00", b"1e400", b"\xff"))),
            b"\x10\x01",
            b"\x18" + _varint(chance.choice((0, 5, 2**63, 2**64 - 1))),
            b"\x21" + struct.pack("<d", chance.choice((float("inf"), -0.0, 1e300, 0.1, 5e-324))),
            _field(7, chance.randbytes(5)),
        )
    )


def _deep_any(request: Request, chance: Chance) -> Request:
    held = b"\x10\x01"
    for _ in range(chance.choice((10, 24, 31, 40, 49, 60, 99, 120, 2_000))):
        held = _field(5, _field(1, held))
    record = _field(chance.choice((5, 6, 9)), _field(1, b"a") + _field(2, held))
    return request.having(body=_field(1, _field(2, _field(2, record))))


# --- headers ---

_TYPES = (
    *("", "text/plain", JSON, PROTOBUF, LINES, "application/json; charset=utf-16", "a/b;c", ";"),
    *("application/cloudevents+json", "application/cloudevents-batch+json", "APPLICATION/JSON"),
)
_KEYS = (b"", b"x", b"\xff\xfe", b"mh_" + b"0" * 49, b"a" * 5_000, b"\x00", b"' or 1=1 --")


def _odd_content_type(request: Request, chance: Chance) -> Request:
    return request.having(content_type=chance.choice((*_TYPES, b"\xff/\x00")))


def _odd_api_key(request: Request, chance: Chance) -> Request:
    key = chance.choice(_KEYS)
    bearer = chance.choice((b"Bearer ", b"bearer", b"Basic ")) + key
    return request.having(x_api_key=key, authorization=bearer)


def _idempotency_key(request: Request, chance: Chance) -> Request:
    few = b"key-%d" % chance.randrange(50)
    key = chance.choice((few, few, b"\xe9\xff", b"k" * 255, b"k" * 256, b" ", b"\x00", b"a\tb"))
    return request.having(idempotency_key=key)


def _odd_headers(request: Request, chance: Chance) -> Request:
    values = (b"", b"\xff\x00", b"\xb2", b"-1", b"9" * 5_000, b"a" * 7_000, b"1e400", b"\r\n\t")
    names = (
        *("content-length", "content_encoding", "x-request-id", "traceparent", "host", "accept"),
        *("transfer-encoding", "x-forwarded-for", "cookie", "expect", "ce-id", "\xe9"),
    )
    given = {chance.choice(names): chance.choice(values) for _ in range(chance.randrange(1, 6))}
    return replace(request, headers={**request.headers, **given})


def _many_headers(request: Request, chance: Chance) -> Request:
    given = {f"x-{place}": b"a" * chance.randrange(500) for place in range(100)}
    return replace(request, headers={**request.headers, **given})


def _binary_cloud_event(request: Request, chance: Chance) -> Request:
    odd = (b"a", b"%00", b"%ED%A0%80", b"%", b"\xe9", b"x" * 300, b"", b"2026-03-01T00:00:00Z")
    names = ("ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-data", "ce-", "ce-é")
    given = {name: chance.choice(odd) for name in names if chance.random() < 0.7}
    given["ce-specversion"] = chance.choice((b"1.0", b"1.0", b"0.3"))
    path = chance.choice(("/v1/events", "/api/v1/events"))
    return replace(request, path=path, headers={**request.headers, **given})


def _odd_method(request: Request, chance: Chance) -> Request:
    methods = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "X")
    return replace(request, method=chance.choice(methods))


def _odd_path(request: Request, chance: Chance) -> Request:
    path = request.path
    odd = (path + "/", "/" + path, path.upper(), path[:-1], "/", "", "/\x00", "/é", "/metrics/..")
    others = ("/v1/ingestion-failures", "/healthz", "/openapi.json", *BY_PATH)
    queries = (b"", b"page=-1", b"page=1e400&size=%00", b"a" * 9_000, b"\xff&=&&")
    return replace(request, path=chance.choice(odd + others), query=chance.choice(queries))


# --- compression ---


def _raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


_COMPRESSED: Sequence[tuple[str, Callable[[bytes], bytes]]] = (
    ("gzip", _gzip),
    ("X-GZip", lambda body: _gzip(body[:9]) + _gzip(body[9:])),
    ("deflate", zlib.compress),
    ("deflate", _raw_deflate),
)


def _compress(request: Request, chance: Chance) -> Request:
    encoding, compress = chance.choice(_COMPRESSED)
    return request.having(body=compress(request.body), content_encoding=encoding)


def _damage_compressed(request: Request, chance: Chance) -> Request:
    damage = chance.choice((_flip_bytes, _flip_a_bit, _truncate, _repeat_a_part))
    return damage(_compress(request, chance), chance)


def _wrong_content_encoding(request: Request, chance: Chance) -> Request:
    odd = ("br", "zstd", "gzip, gzip", "gzip,deflate", "identity", " GZIP ", "deflate", b"\xff")
    if chance.random() < 0.5:
        request = _compress(request, chance)
    return request.having(content_encoding=chance.choice(odd))


# --- transfer ---


def _in_chunks(request: Request, chance: Chance) -> Request:
    body, size = request.body, chance.choice((1, 7, 100, 4_096))
    size = max(size, len(body) // 500)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    for place in range(0, len(chunks), 3):
        chunks.insert(place, b"")
    return replace(request, chunks=chunks or [b""])


def _cut_off(request: Request, chance: Chance) -> Request:
    return replace(_in_chunks(request, chance), is_cut_off=True)


# --- what is small to send and large to read ---

_BOMB_SIZES = (MEBIBYTE, 4 * MEBIBYTE, 15 * MEBIBYTE, 31 * MEBIBYTE, 34 * MEBIBYTE)


@cache
def _bomb(unit: bytes, size: int, head: bytes = b"", tail: bytes = b"") -> bytes:
    """Return so many bytes of a unit in gzip, made without ever having them."""
    compressor = zlib.compressobj(wbits=31)
    block = unit * (65_536 // len(unit))
    made = [compressor.compress(head)]
    made += [compressor.compress(block) for _ in range(size // len(block))]
    return b"".join([*made, compressor.compress(tail), compressor.flush()])


def _bomb_size(unit: bytes, size: int) -> int:
    block = len(unit) * (65_536 // len(unit))
    return size // block * block


def _to(request: Request, paths: Sequence[str], body: bytes, media_type: str) -> Request:
    path = paths[len(body) % len(paths)]
    made = replace(request, path=path, method="POST", chunks=(), is_cut_off=False)
    return made.having(body=body, content_encoding="gzip", content_type=media_type)


def _gzip_bomb(request: Request, chance: Chance) -> Request:
    size = chance.choice((*_BOMB_SIZES, 200 * MEBIBYTE))
    made = _bomb(chance.choice((b"\0", b" ", b"\n")), size)
    return _to(request, [*BY_PATH], made, JSON)


def _json_bomb(request: Request, chance: Chance) -> Request:
    unit = chance.choice((b"[", b"[],", b"{},", b"1,", b'"a",', b'{"a":', b'{"":[{}]},'))
    head, tail = chance.choice(((b"[", b"1]"), (b'{"resourceSpans":[', b"{}]}"), (b"", b"")))
    paths = ("/meter/v2/events", "/v1/events", "/meter/v2/otlp", "/meter/v2/otlp/v1/traces")
    return _to(request, paths, _bomb(unit, chance.choice(_BOMB_SIZES), head, tail), JSON)


def _lines_bomb(request: Request, chance: Chance) -> Request:
    unit = chance.choice((b"\n", b"7\n", b"10\n", b"{}\n", b" \n", b'{"payload":{}}\n'))
    made = _bomb(unit, chance.choice(_BOMB_SIZES))
    return _to(request, ("/meter/v2/events", "/v1/events"), made, LINES)


def _protobuf_bomb(request: Request, chance: Chance) -> Request:
    """Return millions of empty messages, on any level of an export."""
    number, *outer = chance.choice(
        (
            *((1,), (2, 1), (2, 2, 1), (9, 2, 2, 1), (6, 2, 2, 1), (11, 2, 2, 1), (13, 2, 2, 1)),
            *((1, 7, 2, 2, 1), (1, 5, 2, 9, 2, 2, 1), (1, 6, 2, 6, 2, 2, 1), (1, 5, 5, 2, 2, 1)),
        )
    )
    unit = _varint(number << 3 | 2) + b"\x00"
    size, head = _bomb_size(unit, chance.choice(_BOMB_SIZES)), b""
    for each in outer:
        head = _varint(each << 3 | 2) + _varint(size + len(head)) + head
    paths = [f"/meter/v2/otlp{signal}" for signal in ("", "/v1/traces", "/v1/logs", "/v1/metrics")]
    return _to(request, paths, _bomb(unit, size, head), PROTOBUF)


def _many_members(request: Request, chance: Chance) -> Request:
    member = chance.choice((_gzip(b""), _gzip(b" "), _gzip(request.body)))
    count = chance.choice((2, 99, 101, 8 * MEBIBYTE // len(member)))
    return request.having(body=member * max(1, count), content_encoding="gzip")


def _too_large(request: Request, chance: Chance) -> Request:
    made = request.having(body=request.body + b" " * (8 * MEBIBYTE), content_encoding="")
    return _in_chunks(made, chance) if chance.random() < 0.5 else replace(made, chunks=())


_OF_BYTES: Sequence[Mutate] = (
    *(_flip_bytes, _flip_a_bit, _truncate, _repeat_a_part, _random_bytes, _other_encoding),
)
_OF_JSON: Sequence[Mutate] = (
    *(_replace_a_value, _replace_a_value, _replace_a_value, _swap_types, _swap_types),
    *(_huge_value, _repeat_a_key, _rename_or_drop_a_key),
    *_OF_BYTES,
)
_OF_PROTOBUF: Sequence[Mutate] = (
    *(_huge_varint, _wrong_wire_type, _odd_record, _odd_record, _deep_any),
    *_OF_BYTES,
)
_OF_HEADERS: Sequence[Mutate] = (
    *(_odd_content_type, _odd_api_key, _idempotency_key, _idempotency_key, _odd_headers),
    *(_many_headers, _binary_cloud_event, _odd_method, _odd_path),
)
_OF_ENCODING: Sequence[Mutate] = (_compress, _damage_compressed, _wrong_content_encoding)
_OF_TRANSFER: Sequence[Mutate] = (_in_chunks, _cut_off)
_BOMBS: Sequence[Mutate] = (
    *(_gzip_bomb, _json_bomb, _lines_bomb, _protobuf_bomb, _many_members, _too_large),
)
