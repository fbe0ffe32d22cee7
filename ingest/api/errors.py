"""What a refusal looks like: one shape for every error, the one that Revenium's clients parse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from ingest.refusal import Refusal

RESOLUTIONS: Mapping[str, str] = {
    "bad_content_encoding": "send the body plain, or compressed by gzip or deflate",
    "bad_cost": "send an amount in USD as a number or a text of digits, or leave it out",
    "bad_element": "send elements as a list of {name, value}",
    "bad_identifier": "send a text of at most 255 characters",
    "bad_key": "ask the operator for a key (meterhouse keys create)",
    "bad_time": "send ISO 8601 with an offset, such as 2026-03-01T00:59:59.123Z",
    "bad_value": "send a value of the form that the documentation gives for the field",
    "duplicate_key": "send every key of an object once",
    "future": "set the sender's clock; times may be 5 minutes ahead",
    "idempotency_key_in_progress": "wait for the first request to be answered, then send again",
    "idempotency_key_mismatch": "use another Idempotency-Key for another request",
    "missing_field": "send the field",
    "missing_key": "send the key as x-api-key, or as Authorization: Bearer",
    "not_an_object": "send one JSON object per event",
    "not_json": "send JSON (RFC 8259)",
    "not_protobuf": "send the protobuf message of the endpoint, or OTLP JSON",
    "not_utf8": "send UTF-8",
    "number_too_long": "send numbers of at most 60 digits",
    "rate_limited": "send more slowly, or more events in one request",
    "time_without_offset": "send the time with an offset, such as Z",
    "too_deep": "nest objects and lists at most 32 levels deep",
    "cut_off": "send the whole body",
    "too_large": "send smaller requests",
    "too_slow": "send the whole body at once",
    "too_many_elements": "send fewer elements",
    "too_many_records": "split the batch",
    "text_too_long": "send a shorter text",
    "unavailable": "send the same request again, later",
    "unknown_form": "send the form that the path is for",
    "unreadable_text": "leave NUL and lone surrogates out",
    "wrong_scope": "use a key with that scope (meterhouse keys create --scope)",
    "CONSUMING_ORG_NOT_FOUND": "add the organization to the catalogue, or correct its name",
    "CREDENTIAL_NOT_FOUND": "add the credential to the catalogue, or correct it",
    "PRODUCT_NOT_FOUND": "add the product to the catalogue, or correct its name",
    "SUBSCRIBER_NAME_ID_MISMATCH": "send the id and the e-mail address of one subscriber",
    "SUBSCRIBER_NOT_FOUND": "add the subscriber to the catalogue, or correct the id or address",
    "SUBSCRIPTION_RELATIONSHIP_NOT_FOUND": "add the subscription to the catalogue, or correct it",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a request; `value` never is a secret."""

    code: str
    message: str
    field: str | None = None
    value: str | None = None

    def shown(self) -> dict[str, str | None]:
        """Return the problem as senders get it."""
        return {
            "code": self.code,
            "field": self.field,
            "message": self.message,
            "resolution": RESOLUTIONS.get(self.code),
            "value": self.value,
        }


class ApiError(Exception):
    """A request is answered with an error.

    Attributes:
        status: of HTTP.
        problems: all that is wrong, the first one first.
        retry_after: seconds after which the same request may be answered otherwise, or None where
            it never will.
    """

    def __init__(
        self,
        status: int,
        *problems: Problem,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{status}: {problems[0].code}")
        self.status = status
        self.problems = problems
        self.retry_after = retry_after


def failed() -> ApiError:
    """Return the error of a request on which the server failed."""
    return ApiError(500, Problem("failed", "the server failed; its log tells where"))


def problems_of(refusal: Refusal) -> tuple[Problem, ...]:
    """Return what is wrong with a record: every field at fault, or the record as such."""
    if not refusal.fields:
        return (Problem(refusal.reason, refusal.detail),)
    return tuple(
        Problem(each.reason, each.detail, each.field, each.value) for each in refusal.fields
    )


def error_body(error: ApiError, *, path: str, now: datetime, request_id: str) -> dict[str, object]:
    """Return the JSON object that an error is answered with."""
    body: dict[str, object] = {
        "status": error.status,
        "error": HTTPStatus(error.status).phrase,
        "message": "; ".join(problem.message for problem in error.problems),
        "path": path,
        "timestamp": now,
        "details": {"requestId": request_id},
        "errors": [problem.shown() for problem in error.problems],
    }
    if error.retry_after is not None:
        body["retryAfterSeconds"] = error.retry_after
    return body


def shown(problems: Sequence[Problem]) -> list[dict[str, str | None]]:
    """Return problems as senders get them."""
    return [problem.shown() for problem in problems]
