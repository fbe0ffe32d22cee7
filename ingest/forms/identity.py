"""Who an event is from, as Revenium's clients say it: nested, or by the older flat names."""

from collections.abc import Mapping

from ingest.event import Identity, identifier
from ingest.refusal import Refusal
from ingest.strict_json import Json

FIELDS = frozenset(
    {
        "subscriber",
        "subscriberId",
        "subscriberEmail",
        "subscriberCredential",
        "subscriptionId",
        "organizationName",
        "organizationId",
        "productName",
        "productId",
    }
)


def read(record: Mapping[str, Json]) -> Identity:
    """Return the identity in a record of the v2 forms."""
    subscriber = _object(record, "subscriber")
    credential = _object(subscriber, "credential")
    return Identity(
        subscription_id=identifier(record, "subscriptionId"),
        credential=identifier(credential, "value") or identifier(record, "subscriberCredential"),
        credential_name=identifier(credential, "name"),
        subscriber_id=identifier(subscriber, "id") or identifier(record, "subscriberId"),
        email=identifier(subscriber, "email") or identifier(record, "subscriberEmail"),
        # The fields that end in Id are deprecated and carry names.
        organization_name=identifier(record, "organizationName")
        or identifier(record, "organizationId"),
        product_name=identifier(record, "productName") or identifier(record, "productId"),
    )


def _object(record: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal("bad_identifier", f"{name} must be an object")
    return value
