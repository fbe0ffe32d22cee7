import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.catalog.models import write_schema

SCHEMA = Path(__file__).parents[3] / "docs" / "catalog.schema.json"


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from mappings(child)


def test_the_published_schema_is_the_one_of_the_models(tmp_path: Path) -> None:
    write_schema(tmp_path / "schema.json")
    assert SCHEMA.read_bytes() == (tmp_path / "schema.json").read_bytes()


def test_the_schema_lets_an_editor_refuse_what_the_check_refuses() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    forms = [schema, *schema["$defs"].values()]
    assert len(forms) == 13
    assert all(form["additionalProperties"] is False for form in forms)
    assert not any(each.get("type") == "null" for each in mappings(schema))


def test_every_field_of_the_schema_is_described() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    forms = [schema, *schema["$defs"].values()]
    undescribed = [
        (form["title"], name)
        for form in forms
        for name, field in form["properties"].items()
        if not field.get("description")
    ]
    assert undescribed == []
