"""A CloudEvent 1.0; its data are the elements, its subject is the subscriber."""

from collections.abc import Mapping

from ingest.event import Event, Identity, elements_of, refuse_too_much
from ingest.forms.fields import Fields
from ingest.strict_json import Json

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
        Refusal: where it is no CloudEvent 1.0, its data are binary, or a field is bad.
    """
    said = Fields(record)
    if record.get("specversion") != "1.0":
        said.fault("specversion", "bad_value", "specversion must be '1.0'")
    if record.get("data_base64") is not None:
        said.fault("data_base64", "bad_value", "data_base64 is not read; send data as JSON")
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


def _data(said: Fields) -> dict[str, str]:
    data = said.record.get("data")
    if isinstance(data, dict):
        return said.below("data").elements()
    return said.attempt("data", lambda: elements_of({"data": data}, frozenset())) or {}
