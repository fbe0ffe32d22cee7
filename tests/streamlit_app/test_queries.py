import ast
import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "streamlit_app"
MODULES = sorted(APP.rglob("*.py"))
SQL = re.compile(
    r"\bselect\b.+\bfrom\b|\b(insert into|update|delete from)\b.+", re.IGNORECASE | re.DOTALL
)
RELATION = re.compile(r"\b(?:from|join)\s+([a-z_]+)\.([a-z_]+)", re.IGNORECASE)


def texts(module: Path) -> list[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    prose = {ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, documented)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value not in prose
    ]


@pytest.mark.parametrize("module", [m for m in MODULES if m.name != "queries.py"], ids=str)
def test_only_queries_has_sql(module: Path) -> None:
    assert [text for text in texts(module) if SQL.search(text)] == []


def test_queries_read_marts_and_meta_alone() -> None:
    queries = [text for text in texts(APP / "queries.py") if SQL.search(text)]
    relations = [relation for query in queries for relation in RELATION.findall(query)]
    assert {schema for schema, _ in relations} == {"marts", "meta"}
    assert len(queries) > 15


def test_no_query_is_put_together_from_values() -> None:
    tree = ast.parse((APP / "queries.py").read_text(encoding="utf-8"))
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    assert [text for text in map(ast.unparse, formatted) if SQL.search(text)] == []
