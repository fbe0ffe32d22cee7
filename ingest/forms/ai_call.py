"""What the bodies of all AI endpoints share: `POST /meter/v2/ai/…`."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from ingest.event import AiUsage, Event, text_of
from ingest.forms import identity
from ingest.forms.fields import Fields
from ingest.strict_json import Json

_WHOLE = re.compile(r"\d{1,13}(\.0+)?", re.ASCII)
_COUNT_LIMIT = 10**13
COUNTS = ("inputTokenCount", "outputTokenCount", "cacheReadTokenCount", "cacheCreationTokenCount")
# What was said in the conversation is nobody's to keep for a bill.
CONTENT = frozenset({"inputMessages", "outputResponse", "systemPrompt"})
_COLUMNS = (
    identity.FIELDS
    | CONTENT
    | {"transactionId", "sourceId", "billingSkipped"}
    | {"requestTime", "responseTime", "completionStartTime"}
)


def read(record: Mapping[str, Json], *, must_have: Sequence[str] = ()) -> Event:
    """Return the event that an AI call's body tells.

    Args:
        record: the body.
        must_have: the fields without which the call used nothing that could be billed.

    Raises:
        Refusal: where the model, its provider or one of `must_have` is missing, or a field is bad.
    """
    said = Fields(record)
    event = Event(
        "ai",
        said.identifier("sourceId") or "ai",
        said.identifier("transactionId"),
        said.time("requestTime"),
        identity.read(said),
        said.elements(_COLUMNS),
        AiUsage(said.required("provider").lower(), said.required("model"), *tokens(record)),
        said.cost("totalCost"),
        said.flag("billingSkipped"),
    )
    for name in must_have:
        said.required(name)
    said.refuse_faults()
    return event


def tokens(
    record: Mapping[str, Json], names: Sequence[str] = COUNTS
) -> tuple[int | None, int | None, int | None, int | None]:
    """Return the counts of input, output, cached input read and cached input written.

    One that was not sent is 0, unless neither of the first two was. One that can't be read is
    None: what it cost is unknown, and must not pass for nothing.
    """
    sent = [record.get(name) for name in names]
    absent = 0 if any(value is not None and value != "" for value in sent[:2]) else None
    read, written, cached, cache_writes = (_tokens(value, absent) for value in sent)
    return read, written, cached, cache_writes


def _tokens(value: Json, absent: int | None) -> int | None:
    if type(value) is int:
        return value if 0 <= value < _COUNT_LIMIT else None
    if value is None or value == "":
        return absent
    text = text_of(value) or ""
    return int(Decimal(text)) if _WHOLE.fullmatch(text) else None
