"""Facts from outside: payments, refunds, voids and corrections, as they became known."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TypedDict

import pyarrow as pa

from ingest import event as events
from ingest import keys, lake
from ingest.event import CLOCK_SKEW, event_columns
from ingest.forms.detection import READERS, detect
from ingest.records import Record, read_records
from ingest.refusal import Refusal
from ingest.settlements import landing_instant, watermark
from ingest.strict_json import Json

_FIELDS: Mapping[str, frozenset[str]] = {
    "payment": frozenset({"invoice_id", "status", "paid_at"}),
    "refund": frozenset({"invoice_id", "amount", "refunded_at"}),
    "void": frozenset({"invoice_id", "mode"}),
    "void_event": frozenset({"sourceId", "transactionId"}),
    "amend_event": frozenset({"sourceId", "transactionId", "event"}),
}
_WORDS = {
    "fact": tuple(_FIELDS),
    "status": ("paid", "pending", "failed"),
    "mode": ("waive", "reissue"),
}


# Which of the digits a currency has is judged with the invoice.
_AMOUNT = re.compile(r"\d{1,20}(\.\d{1,4})?", re.ASCII)
_AMOUNT_STEP = Decimal("0.0001")


class _Refund(TypedDict, total=False):
    amount: Decimal
    refunded_at: datetime


class FactsError(Exception):
    """Files of facts can't be landed; nothing of them was. One problem a line, by file and line."""


@dataclass(frozen=True)
class FactsReport:
    """How many facts were added to the lake, and how many it knew already."""

    landed_count: int
    known_count: int


@dataclass(frozen=True)
class _Fact:
    """One fact: its row, and the row of the event anew where it amends one."""

    row: Mapping[str, object]
    amendment: Mapping[str, object] | None

    @property
    def fact_id(self) -> str:
        return str(self.row["fact_id"])


def land_facts(paths: Sequence[Path], lake_folder: Path, *, now: datetime) -> FactsReport:
    """Add the facts of all files to the lake, each once however often it is said; or none of them.

    A fact is known when it was received, unless invoices are settled beyond that: then it becomes
    known now.

    Args:
        paths: NDJSON, CSV or Parquet, as for events.
        lake_folder: the lake.
        now: the landing instant, with a zone.

    Raises:
        FactsError: a line can't be read; every such line of every file is named.
        FileFormatError: a file is damaged or of no known format.
    """
    with lake.locked(lake_folder):
        lake.prepare(lake_folder)
        _drop_unlisted(lake_folder)
        settled_until = watermark(lake_folder)
        said = list(_read(paths, settled_until, landing_instant(now, settled_until)))
        known = set(lake.read_all(lake_folder / "facts")["fact_id"].to_pylist())
        new = {fact.fact_id: fact for fact in said if fact.fact_id not in known}
        if new:
            _write(list(new.values()), lake_folder)
    return FactsReport(len(new), len(said) - len(new))


def _drop_unlisted(lake_folder: Path) -> None:
    """Remove the amendments of a landing that was cut short before it had listed its facts."""
    for path in (lake_folder / "event_amendments").glob("*.parquet"):
        if not (lake_folder / "facts" / path.name).exists():
            path.unlink()


def _write(facts: Sequence[_Fact], lake_folder: Path) -> None:
    digest = hashlib.sha256("".join(sorted(fact.fact_id for fact in facts)).encode())
    name = f"{digest.hexdigest()[:16]}.parquet"
    # Those that say that there is a fact come last, so that it is there as a whole or not at all.
    for table, rows in (
        ("event_amendments", [fact.amendment for fact in facts if fact.amendment]),
        ("facts", [fact.row for fact in facts]),
    ):
        if rows:
            content = pa.Table.from_pylist(rows, schema=lake.TABLES[table])
            lake.write(content, lake_folder / table / name)


def _read(
    paths: Iterable[Path], settled_until: datetime | None, landed_at: datetime
) -> Iterator[_Fact]:
    problems = []
    for path, record in chain.from_iterable(
        ((path, record) for record in read_records(path)) for path in paths
    ):
        try:
            yield _fact(record, path.name, settled_until, landed_at)
        except Refusal as refusal:
            problems.append(f"{path.name}:{record.position}: {refusal.detail}")
    if problems:
        raise FactsError("\n".join(problems))


def _fact(
    record: Record, file_name: str, settled_until: datetime | None, landed_at: datetime
) -> _Fact:
    if isinstance(record.content, Refusal):
        raise record.content
    said = record.content
    kind = _word(said, "fact")
    _refuse_unknown_fields(said, kind)
    paid_at = events.time_of(said, "paid_at")
    refund = _refund(said) if kind == "refund" else {}
    happened_at = refund.get("refunded_at", paid_at)
    received_at = _received_at(said, kind, happened_at, landed_at)
    is_late = settled_until is not None and received_at <= settled_until
    known_at = landed_at.astimezone(UTC) if is_late else received_at
    row: dict[str, object] = {
        "fact": kind,
        "invoice_id": _identifier(said, kind, "invoice_id"),
        "status": _word(said, "status") if kind == "payment" else None,
        "mode": _word(said, "mode") if kind == "void" else None,
        "source_id": _identifier(said, kind, "sourceId"),
        "event_id": _identifier(said, kind, "transactionId"),
        "paid_at": paid_at,
        **refund,
    }
    amendment = _amendment(said, received_at) if kind == "amend_event" else {}
    content = [*row.values(), received_at, amendment.get("content_hash")]
    fact_id = hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:32]
    if row["event_id"] is not None:
        row["event_key"] = keys.event_key(str(row["source_id"]), str(row["event_id"]))
    place = {"segment_id": fact_id, "segment_position": record.position, "known_at": known_at}
    return _Fact(
        row | {"fact_id": fact_id, "known_at": known_at, "file_name": file_name},
        amendment | place if amendment else None,
    )


def _word(said: Mapping[str, Json], name: str) -> str:
    value = said.get(name)
    if value not in _WORDS[name]:
        shown = f"'{str(value)[:40]}' is none" if value is not None else "is missing: it is one"
        raise Refusal("bad_fact", f"{name} {shown} of {', '.join(_WORDS[name])}")
    return str(value)


def _refuse_unknown_fields(said: Mapping[str, Json], kind: str) -> None:
    known = {"fact", "received_at", *_FIELDS[kind]}
    for name in said:
        if name not in known:
            expected = ", ".join(sorted(known))
            raise Refusal("bad_fact", f"'{name[:40]}' is no field of a {kind}. It has {expected}")


def _identifier(said: Mapping[str, Json], kind: str, name: str) -> str | None:
    return events.required(said, name) if name in _FIELDS[kind] else None


def _refund(said: Mapping[str, Json]) -> _Refund:
    text = events.text_of(said.get("amount")) or ""
    if not _AMOUNT.fullmatch(text) or Decimal(text) == 0:
        shown = f"'{text[:40]}' is no amount" if text else "is missing"
        raise Refusal("bad_fact", f"amount {shown}; write what was given back, such as 12.50")
    refunded_at = events.time_of(said, "refunded_at")
    if refunded_at is None:
        raise Refusal("missing_field", "refunded_at is missing; say when it was given back")
    return {"amount": Decimal(text).quantize(_AMOUNT_STEP), "refunded_at": refunded_at}


def _received_at(
    said: Mapping[str, Json], kind: str, happened_at: datetime | None, landed_at: datetime
) -> datetime:
    if kind == "payment" and said.get("status") == "paid" and happened_at is None:
        raise Refusal("missing_field", "paid_at is missing; say when it was paid")
    received_at = events.time_of(said, "received_at") or happened_at
    if received_at is None:
        raise Refusal("missing_field", "received_at is missing; say when this became known")
    if received_at > landed_at:
        raise Refusal("future", f"received at {received_at}, which is later than now; land it then")
    if happened_at is not None and happened_at > received_at + CLOCK_SKEW:
        done = "refunded" if kind == "refund" else "paid"
        raise Refusal("future", f"{done} at {happened_at}, but known at {received_at} already")
    return received_at


def _amendment(said: Mapping[str, Json], received_at: datetime) -> dict[str, object]:
    """Return the row of the event that takes another's place, under the identity of that one."""
    anew = said.get("event")
    if not isinstance(anew, dict):
        raise Refusal("missing_field", "event must be the whole event anew, as an object")
    identity = {name: said[name] for name in ("sourceId", "transactionId")}
    event = READERS[detect(anew)](identity | anew)
    if (event.source_id, event.event_id) != tuple(events.required(said, name) for name in identity):
        raise Refusal("bad_fact", "event has another sourceId or transactionId than it amends")
    if event.occurred_at is None:
        raise Refusal("missing_field", "event needs its requestTime; it is not that of the first")
    return event_columns(event, str(event.event_id), received_at)
