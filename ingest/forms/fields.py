"""The fields of one record, as a form reads them: all that is wrong with them is collected."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from ingest import event as events
from ingest import redaction
from ingest.event import COST_STEP
from ingest.refusal import FieldProblem, Reason, Refusal
from ingest.strict_json import Json

_COST = re.compile(r"\d{1,13}(\.\d{1,120})?([eE][+-]?\d{1,2})?", re.ASCII)
# What rounds to 10^13 is too much already.
_COST_LIMIT = Decimal(10) ** 13 - COST_STEP / 2
_SHOWN = 80
_T = TypeVar("_T")


class Fields:
    """A record that is being read; a field at fault reads as absent until `refuse_faults`."""

    __slots__ = ("_place", "_problems", "record")

    def __init__(
        self,
        record: Mapping[str, Json],
        place: str = "",
        problems: list[FieldProblem] | None = None,
    ) -> None:
        self.record = record
        self._place = place
        self._problems = [] if problems is None else problems

    def identifier(self, name: str) -> str | None:
        """Return an identifying text, stripped; blank is absent."""
        value = self.record.get(name)
        if value is None:
            return None
        try:
            return events.identifier_of(value, name)
        except Refusal as refusal:
            self._note(name, refusal)
            return None

    def required(self, name: str) -> str:
        """Return an identifying text that must be there."""
        try:
            return events.required(self.record, name)
        except Refusal as refusal:
            self._note(name, refusal)
            return ""

    def time(self, *names: str) -> datetime | None:
        """Return the first of the named times that is there."""
        for name in names:
            try:
                found = events.time_of(self.record, name)
            except Refusal as refusal:
                self._note(name, refusal)
                return None
            if found is not None:
                return found
        return None

    def cost(self, name: str) -> Decimal | None:
        """Return an amount of USD, to 12 decimals (half away from zero)."""
        value = self.record.get(name)
        text = None if value is None else events.text_of(value)
        if not text:
            return None
        if not _COST.fullmatch(text) or Decimal(text) >= _COST_LIMIT:
            self.fault(name, "bad_cost", f"{name} '{redaction.brief(value, 40)}' is no amount")
            return None
        return Decimal(text).quantize(COST_STEP, ROUND_HALF_UP)

    def flag(self, name: str) -> bool:
        """Return whether a field says true, as a boolean or as a text."""
        value = self.record.get(name)
        return value is True or (value is not None and str(value).strip().lower() == "true")

    def below(self, name: str, reason: Reason = "bad_identifier") -> "Fields":
        """Return the fields of an object in this one; of none, where it is absent."""
        value = self.record.get(name)
        if value is not None and not isinstance(value, dict):
            self.fault(name, reason, f"{name} must be an object")
        found = value if isinstance(value, dict) else {}
        return Fields(found, f"{self._place}{name}.", self._problems)

    def beside(self, record: Mapping[str, Json]) -> "Fields":
        """Return the fields of another object, whose faults are collected with these."""
        return Fields(record, problems=self._problems)

    def elements(self, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
        """Return the fields as elements, but those that are kept as columns."""
        try:
            return events.elements_of(self.record, leave_out)
        except Refusal as refusal:
            self._note("", refusal)
            return {}

    def attempt(self, name: str, read: Callable[[], _T]) -> _T | None:
        """Return what `read` makes of a field; where it refuses, that is collected."""
        try:
            return read()
        except Refusal as refusal:
            self._note(name, refusal)
            return None

    def fault(self, name: str, reason: Reason, detail: str) -> None:
        """Collect what is wrong with a field."""
        field = f"{self._place}{name}".rstrip(".")
        value = self.record.get(name)
        # What is no scalar may hold a secret anywhere.
        told = value if isinstance(value, dict | list) else events.text_of(value)
        # A credential's name is none.
        is_secret = name != "name" and any(map(redaction.is_hidden, field.split(".")))
        shown = None if told is None or is_secret else redaction.brief(told, _SHOWN)
        self._problems.append(FieldProblem(field, reason, detail, shown))

    def refuse_faults(self) -> None:
        """Refuse the record if anything was wrong.

        Raises:
            Refusal: with every field at fault.
        """
        if self._problems:
            raise Refusal.of(self._problems)

    def _note(self, name: str, refusal: Refusal) -> None:
        if not refusal.fields:
            self.fault(name, refusal.reason, refusal.detail)
        for problem in refusal.fields:
            self.fault(problem.field, problem.reason, problem.detail)
