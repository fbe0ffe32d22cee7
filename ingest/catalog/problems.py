"""What is wrong with a catalogue, where, and how to mend it."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_MOST_COMPARED = 2000  # a thousand wrong references among as many names would take minutes

Location = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists counted from 0."""

Finding = tuple[Location, str]
"""What is wrong within a document: where, and a text that names the remedy."""


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file of the catalogue; line and column count from 1.

    The column of a CSV value is the number of its field in the row.
    """

    file: str
    line: int
    column: int


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend: its place, the value's path, and a text that names the remedy."""

    place: Place
    path: str
    text: str

    def __str__(self) -> str:
        """Return the problem on one line: `file:line:column: path: what, and the remedy`."""
        place = f"{self.place.file}:{self.place.line}:{self.place.column}"
        return ": ".join(part for part in (place, self.path, self.text) if part)


class CatalogError(Exception):
    """A catalogue that is refused; `problems` holds all of them, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def path_text(location: Location) -> str:
    """Return a location as a person writes it: `product.tiers[0].name`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a sentence that names the closest known word, or nothing if none is close."""
    if len(known) > _MOST_COMPARED:
        return ""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return f" Did you mean '{by_folded[close[0]]}'?" if close else ""


def unknown(word: str, known: Collection[str], what: str) -> str:
    """Return the text of a reference to something that the catalogue does not have."""
    return f"there is no {what} '{word}'. Add it, or correct the name.{did_you_mean(word, known)}"


def told_twice(line: int) -> str:
    """Return the text of a row about the same as an earlier one, known at the same time."""
    text = f"the same stands on line {line} already. Keep one row, or say in recorded_at when"
    return f"{text} the later one became known"
