"""Who an event is from, as Revenium's clients say it: nested, or by the older flat names."""

from ingest.event import Identity
from ingest.forms.fields import Fields

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


def read(said: Fields, credential: str | None = None) -> Identity:
    """Return the identity in a record of the v2 forms.

    Args:
        said: the record.
        credential: what the form says otherwise; it goes before what is said here.
    """
    subscriber = said.below("subscriber")
    nested = subscriber.below("credential")
    return Identity(
        said.identifier("subscriptionId"),
        credential or nested.identifier("value") or said.identifier("subscriberCredential"),
        nested.identifier("name"),
        subscriber.identifier("id") or said.identifier("subscriberId"),
        subscriber.identifier("email") or said.identifier("subscriberEmail"),
        # The fields that end in Id are deprecated and carry names.
        said.identifier("organizationName") or said.identifier("organizationId"),
        said.identifier("productName") or said.identifier("productId"),
    )
