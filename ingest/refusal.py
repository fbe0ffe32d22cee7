"""Why a record can't be read: one vocabulary for quarantine, answers and reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# All the words there are. A word that is stored in a lake keeps its meaning for ever.
Reason = Literal[
    # The text, before it is a record:
    "not_utf8",
    "not_json",
    "not_an_object",
    "not_protobuf",
    "duplicate_key",
    "number_too_long",
    "too_deep",
    "too_large",
    "unreadable_text",
    # A file's own:
    "bad_csv",
    "bad_columns",
    "bad_fact",
    # A request's own:
    "bad_content_encoding",
    "cut_off",
    "too_slow",
    "too_many_records",
    "idempotency_key_mismatch",
    # The record:
    "unknown_form",
    "unknown_reference",
    "missing_field",
    "bad_identifier",
    "bad_time",
    "time_without_offset",
    "future",
    "bad_cost",
    "bad_element",
    "bad_value",
    "text_too_long",
    "too_many_elements",
]


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field.

    `value` is a scalar as sent, cut short, the kind of a structure, or None where it is secret.
    """

    field: str
    reason: Reason
    detail: str
    value: str | None = None


class Refusal(Exception):  # noqa: N818 - a refusal is kept and shown; it is no failure of ours
    """Why a record can't be read as an event; it goes to quarantine with its raw text.

    Attributes:
        reason: a word of the fixed vocabulary that the quarantine is grouped by.
        detail: what was found, and where, for the sender.
        fields: every field at fault, where the record as such could be read.
    """

    def __init__(self, reason: Reason, detail: str, fields: Sequence[FieldProblem] = ()) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.fields = tuple(fields)

    @classmethod
    def of(cls, problems: Sequence[FieldProblem]) -> "Refusal":
        """Return the refusal of a record for all that is wrong with its fields.

        The first problem gives the reason.
        """
        detail = "; ".join(problem.detail for problem in problems)
        return cls(problems[0].reason, detail, problems)
