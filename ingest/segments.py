"""Append-only segments: what is acknowledged is in one of them, and on the disk.

A segment is a file of frames. A frame is what was written and synced at once: a header with its
length and checksum, then lines of JSON: who is behind the keys, what was refused, the events. So
the file is plain NDJSON, and what a crash leaves of its last frame can be told from a whole one.
"""

import json
import os
import re
import secrets
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

# What a line of an event may have, so that every reader of the segment takes it.
MAX_LINE_BYTES = 2 << 20
# How many bytes follow in the header's line, how many after it, and the checksum of both.
_MARK = re.compile(rb'{"frame":"([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})"')
_MARK_BYTES = len(b'{"frame":"00000000-00000000-00000000"')
_NEXT_FRAME = re.compile(rb'(?<=\n){"frame":"')
_NAME = re.compile(r"(\d{8}T\d{12}Z)-\w+\.ndjson", re.ASCII)


class SegmentError(Exception):
    """A file is no segment, or its content is damaged."""


@dataclass(frozen=True)
class RefusedRecord:
    """A record that could not be read as an event; it is kept for the quarantine.

    Attributes:
        endpoint: the path that it was sent to.
        code: the code that the sender was answered with.
        reason: a word of the quarantine's vocabulary (`ingest.refusal`).
        detail: what was found, and where.
        raw_text: the record as sent, or its beginning; of JSON without secrets.
        fields: the fields at fault, as a JSON list.
    """

    endpoint: str
    code: str
    reason: str
    detail: str
    raw_text: str
    fields: str = "[]"


@dataclass(frozen=True)
class Batch:
    """What one request adds: all of it is acknowledged, or nothing.

    Attributes:
        lines: canonical events, one JSON object each, without newline.
        identifiers: by identifier key, the kind of what is behind it and its value.
        refused: records that are kept for the quarantine.
        points: cumulative metric points: as `lines`, and each says besides its `series_key`, the
            `series_element` that it counts and its `series_value`, a decimal as text. What it adds
            to the series is found at landing and becomes that element.
    """

    lines: Sequence[bytes] = ()
    identifiers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    refused: Sequence[RefusedRecord] = ()
    points: Sequence[bytes] = ()


@dataclass(frozen=True)
class Frame:
    """What was acknowledged at once.

    Attributes:
        end: the byte of the file after it.
        line_count: how many lines of the file it takes, its header included.
        event_count: how many events it has, metric points not counted.
        point_count: how many metric points it has.
        identifiers: by identifier key, the kind and the value.
        refused: what was refused, with the fields of `RefusedRecord` and `refused_at`; it is on
            the lines after the header.
    """

    end: int
    line_count: int
    event_count: int
    point_count: int
    identifiers: Mapping[str, tuple[str, str]]
    refused: Sequence[Mapping[str, Any]]
    _payload: bytes
    _events_begin: int

    def lines(self) -> list[bytes]:
        """Return its events, then its points, as they were appended."""
        return self._payload[self._events_begin :].split(b"\n")[:-1]


def frame_of(
    group: Sequence[tuple[Batch, datetime]], known: Collection[str]
) -> tuple[bytes, bytes]:
    """Return the header and the payload of a frame.

    Args:
        group: what is appended at once, each with the instant of its receipt.
        known: keys of people whom the segment has already; they are left out.
    """
    people: dict[str, tuple[str, str]] = {}
    aside: list[bytes] = []
    for batch, received_at in group:
        people.update(batch.identifiers)
        refused_at = received_at.astimezone(UTC).isoformat()
        aside += [_line({"refused_at": refused_at, **asdict(r)}) for r in batch.refused]
    aside += [
        _line({"identifier": key, "kind": kind, "value": value})
        for key, (kind, value) in people.items()
        if key not in known
    ]
    lines = [line for batch, _ in group for line in batch.lines]
    points = [line for batch, _ in group for line in batch.points]
    told = {
        "aside": sum(len(line) + 1 for line in aside),
        "events": len(lines),
        "points": len(points),
    }
    head = b"," + _line(told)[1:] + b"\n"
    payload = b"\n".join([*aside, *lines, *points, b""])
    checksum = zlib.crc32(payload, zlib.crc32(head))
    return b'{"frame":"%08x-%08x-%08x"%b' % (len(head), len(payload), checksum, head), payload


def _line(told: Mapping[str, str | int]) -> bytes:
    # Half of a surrogate pair is spelled out: it is no text, and JSON readers stop at it.
    storable = {
        key: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for key, value in told.items()
    }
    return json.dumps(storable, ensure_ascii=False, separators=(",", ":")).encode()


def frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a segment, each one checked.

    Raises:
        SegmentError: the file is no segment, or is damaged; the message says where.
    """
    with path.open("rb") as file:
        while frame := _read_frame(file):
            yield frame


def refused(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what was refused, as frames tell it; events are passed over, and nothing is checked.

    Raises:
        SegmentError: the file is no segment, or is damaged where that shows.
    """
    with path.open("rb") as file:
        while mark := _read_mark(file):
            try:
                told = _told(file.read(mark.head_size))
                yield from _refused_of(_rows(file.read(told["aside"])))
            except (ValueError, KeyError, TypeError):
                raise _damaged(file, mark.start) from None
            file.seek(mark.end)


@dataclass(frozen=True)
class _Mark:
    """The beginning of a frame: where it is, and what follows."""

    start: int
    head_size: int
    payload_size: int
    checksum: int

    @property
    def end(self) -> int:
        return self.start + _MARK_BYTES + self.head_size + self.payload_size


def _read_mark(file: IO[bytes]) -> _Mark | None:
    start = file.tell()
    text = file.read(_MARK_BYTES)
    if not text:
        return None
    if match := _MARK.fullmatch(text):
        mark = _Mark(start, *(int(each, 16) for each in match.groups()))
        # A length that was damaged must not make us ask for gigabytes.
        if mark.end <= os.fstat(file.fileno()).st_size:
            return mark
    raise _damaged(file, start)


def _read_frame(file: IO[bytes]) -> Frame | None:
    mark = _read_mark(file)
    if mark is None:
        return None
    head, payload = file.read(mark.head_size), file.read(mark.payload_size)
    if zlib.crc32(payload, zlib.crc32(head)) != mark.checksum:
        raise _damaged(file, mark.start)
    return _frame_at(mark.end, _told(head), payload)


def _damaged(file: IO[bytes], start: int) -> SegmentError:
    return SegmentError(
        f"{file.name}: no whole frame at byte {start}; it is no segment, or was damaged"
    )


def _told(head: bytes) -> dict[str, int]:
    told: dict[str, int] = json.loads(b"{" + head[1:])
    return told


def _rows(aside: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in aside.splitlines()]


def _refused_of(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if "refused_at" in row]


def _frame_at(end: int, told: Mapping[str, int], payload: bytes) -> Frame:
    rows = _rows(payload[: told["aside"]])
    return Frame(
        end,
        1 + len(rows) + told["events"] + told["points"],
        told["events"],
        told["points"],
        {row["identifier"]: (row["kind"], row["value"]) for row in rows if "identifier" in row},
        _refused_of(rows),
        payload,
        told["aside"],
    )


def whole_until(path: Path) -> int:
    """Return where the last whole frame ends, of those that follow each other from the start."""
    end = 0
    with suppress(SegmentError):
        for frame in frames(path):
            end = frame.end
    return end


def has_frame_beyond(path: Path, end: int) -> bool:
    """Whether a whole frame begins anywhere after byte `end`."""
    with path.open("rb") as file:
        file.seek(end)
        starts = [end + match.start() for match in _NEXT_FRAME.finditer(file.read())]
        return any(_is_frame(file, start) for start in starts)


def _is_frame(file: IO[bytes], start: int) -> bool:
    file.seek(start)
    with suppress(SegmentError):
        return _read_frame(file) is not None
    return False


def sealed(folder: Path) -> list[Path]:
    """Return the segments that wait to be landed, oldest first."""
    return sorted(folder.glob("*.ndjson"))


def unlanded(folder: Path) -> list[Path]:
    """Return every segment with content that is not landed, those that are appended to included."""
    # In this order: one that is sealed meanwhile is seen twice, not missed.
    still_open = [path for path in (folder / "open").glob("*.ndjson") if _size(path)]
    return sorted([*still_open, *sealed(folder)], key=lambda path: path.name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        # Sealed since it was listed.
        return 1


def new_name(opened_at: datetime) -> str:
    """Return a name that no other segment has."""
    return f"{opened_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(6)}.ndjson"


def opened_at(path: Path) -> datetime:
    """Return the instant for which a segment is named: nothing in it was acknowledged before.

    Raises:
        SegmentError: the file is no segment by its name.
    """
    match = _NAME.fullmatch(path.name)
    with suppress(ValueError):
        if match:
            return datetime.strptime(match[1], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    raise SegmentError(f"{path} is no segment by its name")
