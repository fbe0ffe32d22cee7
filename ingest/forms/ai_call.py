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
_ABSENT = (None, "")
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
    read, written, cached, cache_writes = map(record.get, names)
    absent = None if read in _ABSENT and written in _ABSENT else 0
    return (
        _tokens(read, absent),
        _tokens(written, absent),
        _tokens(cached, absent),
        _tokens(cache_writes, absent),
    )


def _tokens(value: Json, absent: int | None) -> int | None:
    if type(value) is int:
        return value if 0 <= value < _COUNT_LIMIT else None
    if value in _ABSENT:
        return absent
    text = text_of(value) or ""
    return int(Decimal(text)) if _WHOLE.fullmatch(text) else None
