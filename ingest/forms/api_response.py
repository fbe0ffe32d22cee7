"""The body of `POST /meter/v2/apis/responses`: the second half of an API call."""

from collections.abc import Mapping

from ingest.event import Event
from ingest.forms.api_request import read_half
from ingest.forms.fields import Fields
from ingest.strict_json import Json


def read(record: Mapping[str, Json]) -> Event:
    """Return the event that the body of a response tells.

    Raises:
        Refusal: where the transactionId or the response code is missing, or a field is bad.
    """
    said = Fields(record)
    said.required("responseCode")
    return read_half(said, "response")
