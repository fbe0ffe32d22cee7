"""The dbt project keeps the rules of its house, read off its manifest and its built warehouse.

A rule that is broken fails with the names of those that break it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest

from ingest import lake
from ingest.catalog import schemas
from tests.dbt_models.project import DBT_FOLDER, DbtProject

Node = Mapping[str, Any]

PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_", "rpt_"),
}
READS_FROM = {
    "staging": {"source", "seed"},
    "intermediate": {"staging", "intermediate", "seed"},
    "marts": {"intermediate", "marts"},
}
# One settlement sees the same segments in all of its models, also while more of them land.
READ_BY_STAGING = "stg_metering__segments"
ROOMS = ["catalog", "periods", "usage", "charges", "invoices"]
WITHOUT_UNIT_TEST = {
    "int_segments__landed": "four columns of a staging model under the same names",
    "int_products__with_currency": "a look-up of the currency's digits, one column",
}
READ_BY_NO_MODEL = {
    "identifiers": "who is behind a key: for look-ups and erasure, never for an amount",
    "catalog_people": "names and addresses: for look-ups and erasure, never for an amount",
    "catalog_recipients": "addresses of notices: for sending them and erasure, never for an amount",
    "settlements": "what was settled when; an invoice does not hang on it",
    "series_readings": "how far counters reached: for telling at landing what a reading adds",
    "issued_invoices": "what was issued; a rebuild is held against it, never made from it",
}
COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
CTE = re.compile(r"^(\w+) as \(", re.MULTILINE)
RELATION = re.compile(r"(?<!distinct )\b(?:from|join)\s+(?:lateral\s+)?({{\s*)?([\w.\"']+)")
RELATION_MACROS = {"ref", "source", "ordinals_below", "numbered"}
FLOATING = re.compile(r"\b(?:double|float|real|avg)\b| / ")
COPIED_COLUMN = re.compile(r"_\d+$")
CLOSED_INTERVAL = re.compile(r"(?<!rows )\bbetween\b")
MACRO = re.compile(r"{% macro (\w+)\((.*?)\)")
ENGINE = re.compile(r"adapter\.dispatch|\b(?:duckdb|spark)__|target\.type|read_parquet")


@pytest.fixture(scope="session")
def nodes(manifest: Mapping[str, Any]) -> Mapping[str, Node]:
    return {**manifest["nodes"], **manifest["sources"]}


@pytest.fixture(scope="session")
def models(nodes: Mapping[str, Node]) -> list[Node]:
    found = [node for node in nodes.values() if node["resource_type"] == "model"]
    assert found
    return found


def layer(node: Node) -> str:
    return str(node["fqn"][1] if node["resource_type"] == "model" else node["resource_type"])


def parents(model: Node, nodes: Mapping[str, Node]) -> list[Node]:
    return [nodes[parent] for parent in model["depends_on"]["nodes"]]


def sql(model: Node) -> str:
    return COMMENT.sub("", model["raw_code"]).strip()


def macros(folder: str) -> Iterator[tuple[str, str]]:
    for file in sorted((DBT_FOLDER / folder).glob("*.sql")):
        yield from MACRO.findall(file.read_text(encoding="utf-8"))


def test_a_name_has_the_prefix_of_its_layer(models: list[Node]) -> None:
    assert [m["name"] for m in models if not m["name"].startswith(PREFIXES[layer(m)])] == []


def test_a_model_reads_only_from_the_layers_below(
    models: list[Node], nodes: Mapping[str, Node]
) -> None:
    broken = [
        f"{model['name']} reads {parent['name']}"
        for model in models
        for parent in parents(model, nodes)
        if layer(parent) not in READS_FROM[layer(model)]
        and (layer(model), parent["name"]) != ("staging", READ_BY_STAGING)
    ]
    assert broken == []


def test_the_rooms_of_intermediate_are_passed_in_one_direction(
    models: list[Node], nodes: Mapping[str, Node]
) -> None:
    broken = [
        f"{model['name']} reads {parent['name']}"
        for model in models
        for parent in parents(model, nodes)
        if layer(model) == layer(parent) == "intermediate"
        and ROOMS.index(parent["fqn"][2]) > ROOMS.index(model["fqn"][2])
    ]
    assert broken == []


def test_a_description_says_what_a_row_is(models: list[Node]) -> None:
    assert [m["name"] for m in models if not m["description"].startswith("One row per")] == []


def test_every_listed_column_is_described(models: list[Node]) -> None:
    bare = [
        f"{model['name']}.{column['name']}"
        for model in models
        for column in model["columns"].values()
        if not column["description"]
    ]
    assert bare == []


def test_every_model_that_is_read_elsewhere_has_a_key(
    models: list[Node], nodes: Mapping[str, Node], manifest: Mapping[str, Any]
) -> None:
    keyed = {model["name"] for model in models if has_key(model, nodes, manifest)}
    assert [
        m["name"] for m in models if layer(m) != "intermediate" and m["name"] not in keyed
    ] == []


def has_key(model: Node, nodes: Mapping[str, Node], manifest: Mapping[str, Any]) -> bool:
    children = [nodes.get(child, {}) for child in manifest["child_map"][model["unique_id"]]]
    checks = [
        (child["test_metadata"]["name"], child["column_name"])
        for child in children
        if child.get("test_metadata")
    ]
    unique = {column for kind, column in checks if kind == "unique"}
    return ("is_key", None) in checks or any(("not_null", column) in checks for column in unique)


def test_every_mart_has_a_contract_and_an_owner(models: list[Node]) -> None:
    marts = [model for model in models if layer(model) == "marts"]
    assert [m["name"] for m in marts if not m["config"]["contract"]["enforced"]] == []
    assert [m["name"] for m in marts if not m["config"]["group"]] == []
    assert [
        f"{mart['name']}.{column['name']}"
        for mart in marts
        for column in mart["columns"].values()
        if not column["data_type"]
    ] == []


def test_every_intermediate_model_that_computes_has_a_unit_test(
    models: list[Node], manifest: Mapping[str, Any]
) -> None:
    tested = {unit_test["model"] for unit_test in manifest["unit_tests"].values()}
    intermediate = {model["name"] for model in models if layer(model) == "intermediate"}
    assert intermediate - tested == set(WITHOUT_UNIT_TEST)


def test_a_unit_test_is_named_for_its_model_and_says_why(manifest: Mapping[str, Any]) -> None:
    unit_tests = manifest["unit_tests"].values()
    assert [t["name"] for t in unit_tests if not t["name"].startswith(f"{t['model']}__")] == []
    assert [t["name"] for t in unit_tests if not t["description"]] == []


def test_a_relation_is_a_ref_a_source_or_a_step_of_the_model(models: list[Node]) -> None:
    broken = [
        f"{model['name']} reads {name}"
        for model in models
        for is_macro, name in RELATION.findall(sql(model))
        if name not in (RELATION_MACROS if is_macro else CTE.findall(sql(model)))
    ]
    assert broken == []


def test_every_model_ends_in_its_last_step(models: list[Node]) -> None:
    broken = [
        model["name"]
        for model in models
        if not sql(model).endswith(f"\n)\n\nselect * from {CTE.findall(sql(model))[-1]}")
    ]
    assert broken == []


def test_no_model_computes_in_floating_point(models: list[Node]) -> None:
    broken = [
        f"{model['name']}: {found.group()}"
        for model in models
        for found in FLOATING.finditer(sql(model))
    ]
    assert broken == []


def test_no_model_reads_an_interval_with_both_its_ends(models: list[Node]) -> None:
    assert [model["name"] for model in models if CLOSED_INTERVAL.search(sql(model))] == []


def test_everything_builds_on_an_empty_lake_and_every_unit_test_passes(
    failures: list[str],
) -> None:
    assert failures == []


@pytest.mark.usefixtures("failures")
def test_no_built_column_is_a_floating_point_number(project: DbtProject) -> None:
    typed = (
        "select column_name, data_type from information_schema.columns"
        " where table_schema in ('intermediate', 'marts')"
    )
    with duckdb.connect(str(project.warehouse)) as warehouse:
        columns = warehouse.sql(typed).fetchall()
    assert [c for c in columns if re.search("DOUBLE|FLOAT|REAL", c[1])] == []
    money = [c for c in columns if re.search("(^|_)amount$|quantity$|_rate$", c[0])]
    assert money
    assert [c for c in money if not c[1].startswith("DECIMAL")] == []


@pytest.mark.usefixtures("failures")
def test_no_model_has_two_columns_of_one_name(project: DbtProject) -> None:
    # DuckDB numbers the second one, and a later step then reads the first: silently the wrong one.
    named = (
        "select table_name, column_name from information_schema.columns"
        " where table_schema in ('staging', 'intermediate', 'marts')"
    )
    with duckdb.connect(str(project.warehouse)) as warehouse:
        columns = warehouse.sql(named).fetchall()
    assert columns
    assert [c for c in columns if COPIED_COLUMN.search(c[1])] == []


def test_the_linter_knows_every_macro_that_a_model_calls(models: list[Node]) -> None:
    ours, twins = dict(macros("macros")), dict(macros("sqlfluff"))
    called = {
        macro.split(".")[-1]
        for model in models
        for macro in model["depends_on"]["macros"]
        if macro.startswith("macro.meterhouse.")
    } - {"source"}  # the linter has its own
    assert called - set(twins) == set()
    assert {name: ours.get(name) for name in twins} == twins


def test_what_differs_by_engine_is_in_one_file(models: list[Node]) -> None:
    files = {
        path.name: COMMENT.sub("", path.read_text(encoding="utf-8"))
        for folder in ("macros", "tests", "models")
        for path in (DBT_FOLDER / folder).rglob("*.sql")
    }
    assert len(files) > len(models)
    assert [name for name, text in files.items() if ENGINE.search(text)] == ["engine.sql"]


def test_the_sources_are_the_tables_of_the_lake(
    manifest: Mapping[str, Any], nodes: Mapping[str, Node], models: list[Node]
) -> None:
    written = {*lake.TABLES, *(table.name for table in schemas.TABLES)}
    sources = {source["name"] for source in manifest["sources"].values()}
    read = {p["name"] for m in models for p in parents(m, nodes) if layer(p) == "source"}
    assert sources == written - set(READ_BY_NO_MODEL)
    assert sources == read


@pytest.mark.parametrize(
    "as_of",
    [
        "yesterday",
        "2026-03-01T01:00:00+01:00",
        "2026-03-01T01:00:00Z\n",
        "2026-03-01T01:00:00Z' or 'a' = 'a",
    ],
)
def test_a_malformed_as_of_is_refused(project: DbtProject, as_of: str) -> None:
    result = project.call("compile", "--inline", "select {{ as_of() }}", as_of=as_of)
    assert not result.success
    assert "as_of must look like 2026-03-01T01:00:00Z" in str(result.exception)
