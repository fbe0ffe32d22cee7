"""The catalogue's files as documents: text, and the place of every value.

Nothing is interpreted here. Every YAML scalar stays the text that was written (`1.10` is not 1.1,
`NO` is not false), and the parts of YAML that hide or repeat content are refused.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from ingest.catalog.problems import Location, Place, Problem, did_you_mean, path_text

_LARGEST_YAML_BYTES = 1 << 20
_DEEPEST_NESTING = 12
# Where the key of a mapping stands in a location: no list counts down to it.
_KEY = -1


@dataclass(frozen=True)
class Document:
    """A product file or a CSV row: its content as text, and where each value stands."""

    content: object
    places: Mapping[Location, Place]
    key_places: Mapping[Location, Place] = field(default_factory=dict)

    def problem(self, location: Location, text: str, *, at_key: bool = False) -> Problem:
        """Return a problem with a value, or with its key; of a value left out, at its parent."""
        places = self.key_places if at_key else self.places
        present = location
        while present not in places and present:
            present = present[:-1]
        return Problem(places.get(present, self.places[()]), path_text(location), text)


def read_yaml(path: Path, *, name: str) -> Iterator[Document | Problem]:
    """Yield the one document of a YAML 1.2 file, or the problems of its form.

    Problems name the file by `name`. Anchors, aliases, merges, tags, directives, duplicate keys and
    further documents are refused, as are files above 1 MiB.
    """
    start = Place(name, 1, 1)
    if path.stat().st_size > _LARGEST_YAML_BYTES:
        yield Problem(start, "", "the file is larger than 1 MiB. A product needs far less")
        return
    text = _read_text(path, name)
    if isinstance(text, Problem):
        yield text
        return
    tree = _Tree(name, YAML(typ="safe", pure=True).parse(text))
    try:
        content = tree.read()
    except ReaderError as error:
        yield Problem(_place_at(name, text[: error.position]), "", _UNPRINTABLE)
    except MarkedYAMLError as error:
        yield Problem(_place(name, error.problem_mark), "", _not_yaml(error))
    except OverflowError:  # the parser makes a character of whatever number an escape names
        yield Problem(max(tree.places.values(), default=start), "", _NO_CHARACTER)
    else:
        yield from tree.problems or (Document(content, tree.places, tree.key_places),)


def read_csv(path: Path, *, name: str, columns: Mapping[str, bool]) -> Iterator[Document | Problem]:
    """Yield a document per row of a CSV file with a header, and the problems of its form.

    `columns` says of each known column whether it is required. The column of a place is the number
    of the field in its row. Blank fields are left out of the content, blank rows are skipped.
    """
    text = _read_text(path, name)
    if isinstance(text, Problem):
        yield text
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for values in reader:
            row = [value.strip() for value in values]
            if header is None and any(row):
                header = row
                problems = tuple(_header_problems(header, Place(name, line, 1), columns))
                yield from problems
                if problems:
                    return
            elif header is not None and any(row):
                yield _row(header, row, Place(name, line, 1))
            line = reader.line_num + 1
    except csv.Error as error:
        yield Problem(Place(name, line, 1), "", f"is not CSV: {error}. Mend the quotes of this row")
    if header is None:
        yield Problem(Place(name, 1, 1), "", f"no header. Start with {','.join(columns)}")


_UNPRINTABLE = "an unprintable character. Remove it"
_NO_CHARACTER = "an escape that is no character from here on. Write the character itself"


def _header_problems(
    header: list[str], start: Place, columns: Mapping[str, bool]
) -> Iterator[Problem]:
    for number, column in enumerate(header, 1):
        place = Place(start.file, start.line, number)
        if column not in columns:
            guess = did_you_mean(column, columns) or f" Known are {', '.join(columns)}."
            yield Problem(place, column, f"is an unknown column.{guess}")
        elif column in header[: number - 1]:
            yield Problem(place, column, "is a column twice. Remove one")
    for column, is_required in columns.items():
        if is_required and column not in header:
            yield Problem(start, column, "is a column that is missing. Add it")


def _row(header: list[str], row: list[str], start: Place) -> Document | Problem:
    if len(row) != len(header):
        fields = f"has {len(row)} fields, the header has {len(header)}"
        return Problem(start, "", f"the row {fields}. Quote values that hold a comma")
    places: dict[Location, Place] = {
        (column,): Place(start.file, start.line, number) for number, column in enumerate(header, 1)
    }
    content = {column: value for column, value in zip(header, row, strict=True) if value}
    return Document(content, {(): start, **places})


def _read_text(path: Path, name: str) -> str | Problem:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_at(name, raw[: error.start].decode("utf-8-sig", errors="replace"))
        return Problem(place, "", "is not UTF-8. Save the file in UTF-8")


def _place_at(name: str, text_before: str) -> Place:
    line_start = text_before.rfind("\n") + 1
    return Place(name, text_before.count("\n") + 1, len(text_before) - line_start + 1)


def _place(name: str, mark: object) -> Place:
    return Place(name, getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1)


def _not_yaml(error: MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    return f"is not YAML: {error.problem}{context}. Mend the indentation, quotes or brackets"


_NodeEvent = AliasEvent | ScalarEvent | SequenceStartEvent | MappingStartEvent


class _Tree:
    """The content of one YAML file, built from the parser's events.

    The events still say how a value was written; the library's loaders resolve tags, aliases and
    numbers before anyone can refuse them.
    """

    def __init__(self, name: str, events: Iterator[Any]) -> None:
        self.places: dict[Location, Place] = {}
        self.key_places: dict[Location, Place] = {}
        self.problems: list[Problem] = []
        self._name = name
        self._events = events

    def read(self) -> object:
        """Return the content of the only document; what had to be refused is in `problems`."""
        next(self._events)  # the start of the stream
        start = next(self._events)
        if isinstance(start, StreamEndEvent):
            self._refuse(start, "the file is empty. Start it with catalog: 1")
            return None
        if isinstance(start, DocumentStartEvent) and (start.version or start.tags):
            self._refuse(start, "a directive is not allowed. Remove the lines that begin with %")
        content = self._node(next(self._events), ())
        next(self._events)  # the end of the document
        if not isinstance(follower := next(self._events), StreamEndEvent):
            self._refuse(follower, "a second document is not allowed. Give it its own file")
        return content

    def _node(self, event: _NodeEvent, location: Location) -> object:
        if len(location) > _DEEPEST_NESTING:
            limit = f"it nests deeper than {_DEEPEST_NESTING} levels"
            raise MarkedYAMLError(problem=limit, problem_mark=event.start_mark)
        self.places[location] = _place(self._name, event.start_mark)
        if isinstance(event, AliasEvent):
            self._refuse(event, f"the alias *{event.anchor} is not allowed. Repeat the value")
            return ""
        if event.anchor:
            self._refuse(event, f"the anchor &{event.anchor} is not allowed. Remove it")
        if event.tag:
            self._refuse(event, "a tag is not allowed. Remove the word that begins with !")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(location)
        if isinstance(event, MappingStartEvent):
            return self._mapping(location)
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in event.value):
            self._refuse(event, "an escape that is no character. Write the character itself")
        return str(event.value)

    def _sequence(self, location: Location) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, (*location, len(items))))
        return items

    def _mapping(self, location: Location) -> dict[str, object]:
        content: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, (*location, _KEY))
            if not isinstance(key, str):
                self._refuse(event, "a key has to be plain text. Write one word before the colon")
            elif key == "<<":
                self._refuse(event, "a merge (<<) is not allowed. Repeat the values")
            elif key in content:
                first = self.key_places[(*location, key)].line
                text = f"the key {key} stands on line {first} already. Keep one"
                self._refuse(event, text)
            within = (*location, str(key))
            self.key_places.setdefault(within, _place(self._name, event.start_mark))
            value = self._node(next(self._events), within)
            if value == "":  # the parser places what is not there at the next token
                self.places[within] = self.key_places[within]
            content.setdefault(str(key), value)
        return content

    def _refuse(self, event: Event, text: str) -> None:
        self.problems.append(Problem(_place(self._name, event.start_mark), "", text))
