"""A catalogue folder and files of events and facts, read as plain mappings and written as such."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Plain = dict[str, Any]


def read_catalog(folder: Path) -> dict[str, list[Plain]]:
    """Return the products and the rows of each CSV file; every scalar is the text as written."""
    products = [_yaml(path)["product"] for path in sorted((folder / "products").glob("*.yaml"))]
    rows = {path.stem: _csv(path) for path in sorted(folder.glob("*.csv"))}
    return {"products": products, **rows}


def read_records(path: Path) -> list[Plain]:
    """Return the records of a CSV file (a dot in a column's name nests) or an NDJSON file."""
    if path.suffix == ".csv":
        return [_nested(row) for row in _csv(path)]
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines if line.strip()]


def write_catalog(folder: Path, catalog: Mapping[str, Sequence[Plain]]) -> None:
    """Write a catalogue; JSON is YAML, so that products are written as they are."""
    (folder / "products").mkdir(parents=True)
    for name, entries in catalog.items():
        if name == "products":
            for entry in entries:
                path = (
                    folder / name / f"{entry['key']}-{entry['version']}-{entry['effective_from']}"
                )
                document = json.dumps({"catalog": "1", "product": entry}, indent=1)
                path.with_name(f"{path.name}.yaml").write_text(document, encoding="utf-8")
        elif entries:
            columns = list(dict.fromkeys(column for entry in entries for column in entry))
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(entries)


def write_records(path: Path, records: Iterable[Plain]) -> Path:
    """Write NDJSON."""
    text = "".join(f"{json.dumps(record)}\n" for record in records)
    path.write_text(text, encoding="utf-8")
    return path


def _yaml(path: Path) -> Plain:
    document: Plain = YAML(typ="base", pure=True).load(path.read_text(encoding="utf-8"))
    return document


def _csv(path: Path) -> list[Plain]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if value} for row in csv.DictReader(file)
        ]


def _nested(row: Plain) -> Plain:
    made: Plain = {}
    for name, value in row.items():
        *parts, last = name.split(".")
        place = made
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    return made
