"""A CloudEvent 1.0; its data are the elements, its subject is the subscriber."""

import base64
from collections.abc import Mapping

from ingest import strict_json
from ingest.event import Event, Identity, elements_of, refuse_too_much
from ingest.forms.fields import Fields
from ingest.refusal import Refusal
from ingest.strict_json import Json

_JSON_DATA = frozenset({"", "application/json", "text/json"})
# Names of extensions are lower case by the specification.
_COLUMNS = frozenset(
    {
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
        "data",
        "data_base64",
        "subscriptionid",
        "subscriberid",
        "subscriberemail",
        "subscribercredential",
        "credentialname",
        "organizationname",
        "productname",
    }
)


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that a CloudEvent tells; its type is the element `ce_type`.

    Identity comes as extensions: `subscriptionid`, `subscriberid` (else the subject),
    `subscriberemail`, `subscribercredential`, `credentialname`, `organizationname`, `productname`.

    Raises:
        Refusal: where it is no CloudEvent 1.0, its data are neither JSON nor text, or a field is
            bad.
    """
    said = Fields(record)
    if record.get("specversion") != "1.0":
        said.fault("specversion", "bad_value", "specversion must be '1.0'")
    elements = said.elements(_COLUMNS) | _data(said) | {"ce_type": said.required("type")}
    said.attempt("data", lambda: refuse_too_much(elements))
    event = Event(
        "event",
        said.required("source"),
        said.required("id"),
        said.time("time"),
        Identity(
            said.identifier("subscriptionid"),
            said.identifier("subscribercredential"),
            said.identifier("credentialname"),
            said.identifier("subscriberid") or said.identifier("subject"),
            said.identifier("subscriberemail"),
            said.identifier("organizationname"),
            said.identifier("productname"),
        ),
        elements,
    )
    said.refuse_faults()
    return event


def data_of(sent: bytes, content_type: str) -> Json:
    """Return the data that bytes of a media type say: JSON, or else text.

    Raises:
        Refusal: they are no JSON, though the media type says so, or no UTF-8.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in _JSON_DATA or media_type.endswith("+json"):
        return strict_json.parse_value(sent)
    try:
        text = sent.decode()
    except UnicodeDecodeError as error:
        raise Refusal("not_utf8", f"byte {error.start + 1} is no UTF-8") from None
    strict_json.check(text)
    return text


def _data(said: Fields) -> dict[str, str]:
    data, name = said.record.get("data"), "data"
    if said.record.get("data_base64") is not None:
        if data is not None:
            said.fault("data_base64", "bad_value", "data and data_base64 are given; send one")
            return {}
        name = "data_base64"
        data = said.attempt(name, lambda: _decoded(said.record))
    if isinstance(data, dict):
        return said.beside({"data": data}).below("data").elements()
    return said.attempt(name, lambda: elements_of({"data": data}, frozenset())) or {}


def _decoded(record: Mapping[str, Json]) -> Json:
    try:
        sent = base64.b64decode(str(record["data_base64"]), validate=True)
    except ValueError:
        raise Refusal("bad_value", "data_base64 is no Base64") from None
    try:
        return data_of(sent, str(record.get("datacontenttype") or ""))
    except Refusal as refusal:
        told = f"data_base64 must be JSON, or text, as datacontenttype says: {refusal.detail}"
        raise Refusal("bad_value", told) from None
