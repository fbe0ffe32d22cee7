from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.catalog.check import check_catalog
from ingest.catalog.problems import CatalogError

Edit = Callable[[str, str, str], None]
BROKEN = Path(__file__).parent / "broken.txt"


@dataclass
class Case:
    title: str
    file: str = ""
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)


def golden_cases() -> list[Case]:
    cases = []
    for block in BROKEN.read_text(encoding="utf-8").split("\n\n")[1:]:
        title, *lines = block.splitlines()
        case = Case(title.removeprefix("# "))
        for line in lines:
            match line[0], line[1:]:
                case "@", name:
                    case.file = name.strip()
                case "-", old:
                    case.old.append(old + "\n")
                case "+", new:
                    case.new.append(new + "\n")
                case "!", text:
                    case.answer.append(text.strip())
        cases.append(case)
    return cases


def answer(folder: Path) -> list[str]:
    with pytest.raises(CatalogError) as error:
        check_catalog(folder)
    return str(error.value).splitlines()


@pytest.mark.parametrize("case", golden_cases(), ids=lambda case: case.title)
def test_a_broken_catalogue_is_answered_to_the_letter(
    case: Case, catalog: Path, edit: Edit
) -> None:
    edit(case.file, "".join(case.old), "".join(case.new))
    assert answer(catalog) == case.answer


def test_a_catalogue_in_order_is_returned_whole(catalog: Path) -> None:
    checked = check_catalog(catalog)
    keys = [entry.form.product.key for entry in checked.products]
    assert keys == ["coding-agent", "plan-2", "regions", "summaries"]
    assert len(checked.subscriptions) == 2
    assert len(checked.credentials) == 3


def test_all_problems_of_all_files_come_at_once(catalog: Path, edit: Edit) -> None:
    edit("products/summaries.yaml", "amount: 199.00", "amount: -1")
    edit("products/summaries.yaml", "unit_rate: 1.35", "unit_rate: -2")
    edit("products/regions.yaml", "currency: USD", "currency: [USD]")
    edit("sources.csv", "tracking,api", "tracking,apes")
    edit("subscriptions.csv", "anna,acme", "anna,acne")
    places = [line.split(": ")[0] for line in answer(catalog)]
    assert places == [
        "products/regions.yaml:7:13",
        "products/summaries.yaml:13:51",
        "products/summaries.yaml:21:59",
        "sources.csv:3:2",
        "subscriptions.csv:2:4",
    ]


def test_references_into_a_broken_file_are_not_judged(catalog: Path, edit: Edit) -> None:
    edit("sources.csv", "documents,event", "documents,vent")
    edit("metering_elements.csv", "region,", ",")
    edit("organizations.csv", "acme,Acme Ltd", "acme,")
    edit("subscribers.csv", "bo,,,", "bo,not an address,,")
    edit("products/regions.yaml", "  version: 1.0.0", "  version: one")
    edit("subscriptions.csv", "2026-02-01", "soon")
    files = [line.split(":")[0] for line in answer(catalog)]
    assert files == [
        "metering_elements.csv",
        "organizations.csv",
        "products/regions.yaml",
        "sources.csv",
        "subscribers.csv",
        "subscriptions.csv",
    ]


def test_the_same_terms_in_two_files_are_refused(catalog: Path) -> None:
    text = (catalog / "products" / "summaries.yaml").read_text(encoding="utf-8")
    (catalog / "products" / "summaries-2.yaml").write_text(
        text.replace("effective_from: 2026-01-01", "effective_from: 2026-01-01T02:00:00+02:00"),
        encoding="utf-8",
    )
    (line,) = answer(catalog)
    assert line == (
        "products/summaries.yaml:7:19: product.effective_from: products/summaries-2.yaml has terms "
        "of summaries@1.0.0 from this instant on. Choose another instant, or a new version"
    )


def test_a_version_keeps_its_time_zone(catalog: Path) -> None:
    text = (catalog / "products" / "summaries.yaml").read_text(encoding="utf-8")
    later = text.replace("2026-01-01", "2026-07-01").replace(
        "timezone: UTC", "timezone: Asia/Tokyo"
    )
    (catalog / "products" / "summaries-july.yaml").write_text(later, encoding="utf-8")
    (line,) = answer(catalog)
    assert line == (
        "products/summaries.yaml:11:40: product.settlement.timezone: products/summaries-july.yaml "
        "has another one, and a version keeps its time zone. Give this product a new version"
    )


def test_later_terms_of_the_same_version_are_accepted(catalog: Path) -> None:
    text = (catalog / "products" / "summaries.yaml").read_text(encoding="utf-8")
    later = text.replace("2026-01-01", "2026-07-01")
    (catalog / "products" / "summaries-july.yaml").write_text(later, encoding="utf-8")
    assert len(check_catalog(catalog).products) == 5


def test_files_that_would_not_be_read_are_refused(catalog: Path) -> None:
    known = (
        "organizations.csv, subscribers.csv, sources.csv, metering_elements.csv, "
        "subscriptions.csv, credentials.csv, ai_prices.csv"
    )
    for name in ("subscriptiones.csv", "fx.csv", "extra.yaml", "products/extra.yml"):
        (catalog / name).touch()
    assert answer(catalog) == [
        "extra.yaml:1:1: this file is not read. Move it to products/",
        f"fx.csv:1:1: this file is not read. Known are {known}.",
        "products/extra.yml:1:1: this file is not read. Let its name end in .yaml",
        "subscriptiones.csv:1:1: this file is not read. Did you mean 'subscriptions.csv'?",
    ]


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert answer(tmp_path / "none") == [
        f"{tmp_path / 'none'}:1:1: there is no such folder. Name the catalogue's"
    ]


def test_files_that_are_missing_count_as_empty(catalog: Path) -> None:
    for path in catalog.glob("*.csv"):
        if path.name not in {"sources.csv", "metering_elements.csv"}:
            path.unlink()
    assert check_catalog(catalog).subscriptions == ()


def test_messages_tell_neither_secrets_nor_addresses(catalog: Path, edit: Edit) -> None:
    edit("credentials.csv", "secret-1,sub-1,2026-03-01,", "secret-1,sub-1,2026-02-01,2026-01-31")
    edit("subscribers.csv", "bo,,", "bo,anna@example.com,")
    text = "\n".join(answer(catalog))
    assert text.count("\n") == 2
    assert "secret" not in text
    assert "example.com" not in text
