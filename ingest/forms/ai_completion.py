"""The body of `POST /meter/v2/ai/completions`."""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from ingest.event import (
    COST_STEP,
    AiUsage,
    Event,
    elements_of,
    identifier,
    required,
    text_of,
    time_of,
)
from ingest.forms import identity
from ingest.refusal import Refusal
from ingest.strict_json import Json

_WHOLE = re.compile(r"\d{1,13}(\.0+)?", re.ASCII)
_COST = re.compile(r"\d{1,13}(\.\d{1,120})?([eE][+-]?\d{1,2})?", re.ASCII)
# What rounds to 10^13 is too much already.
_COST_LIMIT = Decimal(10) ** 13 - COST_STEP / 2
_COUNTS = ("inputTokenCount", "outputTokenCount")
_TIMES = frozenset({"requestTime", "responseTime", "completionStartTime"})
_COLUMNS = identity.FIELDS | _TIMES | {"transactionId", "sourceId", "billingSkipped"}


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a completion's body tells.

    Raises:
        Refusal: where the model or its provider is missing.
    """
    return Event(
        source_kind="ai",
        source_id=identifier(record, "sourceId") or "ai",
        event_id=identifier(record, "transactionId"),
        occurred_at=time_of(record, "requestTime"),
        identity=identity.read(record),
        elements=elements_of(record, _COLUMNS),
        ai=AiUsage(
            provider=required(record, "provider").lower(),
            model=required(record, "model"),
            input_tokens=_tokens(record, "inputTokenCount"),
            output_tokens=_tokens(record, "outputTokenCount"),
            cache_read_tokens=_tokens(record, "cacheReadTokenCount"),
            cache_creation_tokens=_tokens(record, "cacheCreationTokenCount"),
            sent_cost=_cost(record.get("totalCost")),
        ),
        is_billing_skipped=str(record.get("billingSkipped")).lower() == "true",
    )


def _tokens(record: Mapping[str, Json], name: str) -> int | None:
    """Return a count; none was sent means none were used, unless no count was sent at all.

    A count that can't be read is None: what it cost is unknown, and must not pass for nothing.
    """
    text = text_of(record.get(name))
    if not text:
        return 0 if any(text_of(record.get(field)) for field in _COUNTS) else None
    return int(Decimal(text)) if _WHOLE.fullmatch(text) else None


def _cost(value: Json) -> Decimal | None:
    text = text_of(value)
    if not text:
        return None
    if not _COST.fullmatch(text) or Decimal(text) >= _COST_LIMIT:
        raise Refusal("bad_cost", f"totalCost '{text[:40]}' is no amount")
    return Decimal(text).quantize(COST_STEP, ROUND_HALF_UP)
