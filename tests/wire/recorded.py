"""Requests of real metering clients, as they were sent."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_DECODED: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


@dataclass(frozen=True)
class Recorded:
    """One request; the line counts from 1, header names are in lower case.

    Attributes:
        body: the bytes as sent, compressed where the client compresses.
    """

    line: int
    client: str
    case: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> bytes:
        """The body without its compression."""
        decode = _DECODED.get(self.headers.get("content-encoding", ""))
        return decode(self.body) if decode else self.body

    @property
    def is_protobuf(self) -> bool:
        return self.headers["content-type"] == "application/x-protobuf"


def recorded_requests() -> list[Recorded]:
    """Return all requests, in the order in which they were recorded."""
    lines = (FOLDER / "recorded.jsonl").read_text(encoding="utf-8").splitlines()
    return [_recorded(line, json.loads(text)) for line, text in enumerate(lines, start=1)]


def _recorded(line: int, said: dict[str, object]) -> Recorded:
    headers = said["headers"]
    assert isinstance(headers, dict)
    encoded = said.get("body_base64")
    body = base64.b64decode(str(encoded)) if encoded else json.dumps(said["body"]).encode()
    return Recorded(
        line,
        f"{said['client']} {said['version']}",
        str(said["case"]),
        str(said["method"]),
        str(said["path"]),
        {name.lower(): value for name, value in headers.items()},
        body,
    )
