"""The body of `POST /meter/v1/api/meter`: one API call with its metering elements."""

from collections.abc import Mapping
from dataclasses import replace

from ingest.event import Event, elements_of, identifier, required, text_of, time_of
from ingest.forms import identity
from ingest.refusal import Refusal
from ingest.strict_json import Json

_COLUMNS = identity.FIELDS | frozenset(
    {
        "transactionId",
        "requestTime",
        "currentMillis",
        "application",
        "productKey",
        "source",
        "sourceId",
        "elements",
        "platformAPIKey",
        "requestHeaders",
        "responseHeaders",
        "remoteUser",
        "remoteHost",
    }
)


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a metered API call tells; `application` is the credential.

    Raises:
        Refusal: where the method or the response code is missing, or an element has no name.
    """
    required(record, "method")
    required(record, "responseCode")
    who = identity.read(record)
    return Event(
        source_kind="api",
        source_id=identifier(record, "sourceId") or identifier(record, "source") or "api",
        event_id=identifier(record, "transactionId"),
        occurred_at=time_of(record, "requestTime", "currentMillis"),
        identity=replace(
            who,
            credential=identifier(record, "application") or who.credential,
            product_name=identifier(record, "productKey") or who.product_name,
        ),
        elements=elements_of(record, _COLUMNS) | _elements(record.get("elements")),
    )


def _elements(listed: Json) -> dict[str, str]:
    if listed is None:
        return {}
    # A CSV or Parquet file gives the elements as columns, the API as a list of pairs.
    if isinstance(listed, dict):
        return elements_of(listed, frozenset())
    if not isinstance(listed, list):
        raise Refusal("bad_element", "elements must be a list of {name, value}")
    made: dict[str, str] = {}
    for item in listed:
        name = required(item, "name") if isinstance(item, dict) else None
        if name is None or not isinstance(item, dict):
            raise Refusal("bad_element", "elements must be a list of {name, value}")
        if name in made:
            raise Refusal("bad_element", f"the element '{name}' is given twice")
        made[name] = text_of(item.get("value")) or ""
    return made
