"""The examples of docs/catalog.md are a catalogue in order."""

import re
from pathlib import Path

import pytest

from ingest.catalog.check import check_catalog
from ingest.catalog.elements import BUILT_IN_ELEMENTS
from ingest.catalog.entries import Catalog
from ingest.catalog.models import Product, Settlement
from ingest.catalog.pricing import PricingMetric, PricingModel
from ingest.catalog.tables import compile_tables

PAGE = Path(__file__).parents[3] / "docs" / "catalog.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(yaml|csv) ?(\S*)\n(.*?)```", TEXT, re.DOTALL)
FRAGMENTS = [text for kind, _, text in BLOCKS if kind == "yaml" and "catalog:" not in text]
LISTS = {name: text for kind, name, text in BLOCKS if kind == "csv"}
(WHOLE,) = (text for kind, _, text in BLOCKS if kind == "yaml" and "catalog:" in text)
HEAD = WHOLE[: WHOLE.index("  settlement:")]


@pytest.fixture
def documented(tmp_path: Path) -> Path:
    """The page's lists, its whole product and a further version of it."""
    products = tmp_path / "products"
    products.mkdir()
    (products / "whole.yaml").write_text(WHOLE, encoding="utf-8")
    later = WHOLE.replace("version: 1.0.0", "version: 1.1.0")
    (products / "later.yaml").write_text(later, encoding="utf-8")
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def with_fragment(folder: Path, fragment: str) -> Path:
    """Add a product that consists of a fragment of the page and what each product needs."""
    settlement = "" if "settlement:" in fragment else "settlement: {every: month}\n"
    body = "".join(f"  {line}\n" for line in (settlement + fragment).splitlines())
    head = HEAD.replace("key: image-search", "key: fragment")
    (folder / "products" / "fragment.yaml").write_text(head + body, encoding="utf-8")
    return folder


def test_the_lists_and_the_product_fit_together(documented: Path) -> None:
    tables = compile_tables(check_catalog(documented))
    subscriptions = tables["catalog_subscriptions"]
    assert subscriptions["change"].to_list() == [None, None, "now"]
    assert tables["catalog_element_attachments"].height == 3


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda text: text.split(":")[0])
def test_each_part_of_a_product_is_in_order(documented: Path, fragment: str) -> None:
    checked = check_catalog(with_fragment(documented, fragment))
    assert len(checked.products) == 3


def test_every_file_is_shown() -> None:
    names = [name for name in Catalog.__dataclass_fields__ if name != "products"]
    assert sorted(LISTS) == sorted(f"{name}.csv" for name in names)


@pytest.mark.parametrize(
    "form", [Product, Settlement, PricingMetric], ids=lambda each: each.__name__
)
def test_every_key_is_named(form: type[Product]) -> None:
    assert [key for key in form.model_fields if key not in TEXT] == []


def test_every_choice_is_named() -> None:
    choices = [
        *BUILT_IN_ELEMENTS,
        *PricingMetric.model_json_schema()["properties"]["aggregation"]["enum"],
        *PricingModel.model_json_schema()["properties"]["type"]["enum"],
    ]
    assert [choice for choice in choices if f"`{choice}`" not in TEXT] == []
