"""The body of `POST /meter/v1/api/meter`: one API call with its metering elements."""

from collections.abc import Mapping

from ingest.event import Event, Identity, elements_of, required, text_of
from ingest.forms import identity
from ingest.forms.fields import Fields
from ingest.refusal import Refusal
from ingest.strict_json import Json

COLUMNS = identity.FIELDS | frozenset(
    {
        "transactionId",
        "requestTime",
        "currentMillis",
        "application",
        "clientId",
        "productKey",
        "source",
        "sourceId",
        "elements",
        "metadata",
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
        Refusal: where the method or the response code is missing, an element has no name, or a
            field is bad.
    """
    said = Fields(record)
    said.required("method")
    said.required("responseCode")
    event = Event(
        "api",
        said.identifier("sourceId") or said.identifier("source") or "api",
        said.identifier("transactionId"),
        said.time("requestTime", "currentMillis"),
        read_identity(said),
        read_elements(said),
    )
    said.refuse_faults()
    return event


def read_identity(said: Fields) -> Identity:
    """Return who a call of the v1 forms is from."""
    who = identity.read(said)
    return Identity(
        who.subscription_id,
        said.identifier("application") or said.identifier("clientId") or who.credential,
        who.credential_name,
        who.subscriber_id,
        who.email,
        who.organization_name,
        said.identifier("productKey") or who.product_name,
    )


def read_elements(said: Fields, columns: frozenset[str] = COLUMNS) -> dict[str, str]:
    """Return the elements of a call: its fields, its `metadata`, and those that are listed."""
    listed = said.attempt("elements", lambda: _listed(said.record.get("elements")))
    return _metadata(said) | said.elements(columns) | (listed or {})


def _metadata(said: Fields) -> dict[str, str]:
    """Return the pairs of `k=v,k=v`, which is how older clients send elements, or else the text."""
    text = text_of(said.record.get("metadata"))
    if not text:
        return {}
    pairs = [pair.partition("=") for pair in text.split(",")]
    made = {name.strip(): value.strip() for name, _, value in pairs}
    is_list_of_pairs = len(made) == len(pairs) and all(made) and all(sign for _, sign, _ in pairs)
    kept: Mapping[str, Json] = dict(made) if is_list_of_pairs else {"metadata": text}
    return said.attempt("metadata", lambda: elements_of(kept, frozenset())) or {}


def _listed(listed: Json) -> dict[str, str]:
    if listed is None:
        return {}
    # A CSV or Parquet file gives the elements as columns, the API as a list of pairs.
    if isinstance(listed, dict):
        return elements_of(listed, frozenset())
    if not isinstance(listed, list):
        raise Refusal("bad_element", "elements must be a list of {name, value}")
    made: dict[str, Json] = {}
    for item in listed:
        name = required(item, "name") if isinstance(item, dict) else None
        if name is None or not isinstance(item, dict):
            raise Refusal("bad_element", "elements must be a list of {name, value}")
        if name in made:
            raise Refusal("bad_element", f"the element '{name}' is given twice")
        made[name] = text_of(item.get("value")) or ""
    return elements_of(made, frozenset())
