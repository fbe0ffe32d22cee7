from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.catalog.check import check_catalog
from ingest.catalog.problems import CatalogError

Edit = Callable[[str, str, str], None]
SETUP_FEE = "  setup_fee: {amount: 50, per: subscription, bill: immediate}\n"
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


@pytest.mark.parametrize(
    "later",
    [
        "bo,,regions,1.0.0,2026-02-01,2026-03-31,,true,,,,,2026-01-31T00:00:00Z",
        "bo,,regions,1.0.0,2026-02-01,2026-04-30,,,,,,,2026-02-10T00:00:00Z",
    ],
    ids=["before it begins", "its end"],
)
def test_a_later_row_may_change_a_subscription(catalog: Path, edit: Edit, later: str) -> None:
    row = "sub-2,Regions for Bo,bo,,regions,1.0.0,2026-02-01,2026-03-31,,,,,,,\n"
    edit("subscriptions.csv", row, f"{row}sub-2,Regions for Bo,{later}\n")
    assert len(check_catalog(catalog).subscriptions) == 6


def test_a_setup_fee_is_invoiced_when_the_subscription_is_entered(
    catalog: Path, edit: Edit
) -> None:
    edit("products/regions.yaml", "  element_fees:", f"{SETUP_FEE}  element_fees:")
    row = "sub-2,Regions for Bo,bo,,regions,1.0.0,2026-02-01,2026-03-31,,,,,,,\n"
    edit(
        "subscriptions.csv", row, f"{row}{row.replace('bo,,', 'anna,,')[:-1]}2026-01-20T00:00:00Z\n"
    )
    (line,) = answer(catalog)
    assert line.startswith("subscriptions.csv:4:3: subscriber_id: is another one on line 3")


def test_a_catalogue_in_order_is_returned_whole(catalog: Path) -> None:
    checked = check_catalog(catalog)
    keys = [entry.form.product.key for entry in checked.products]
    assert keys == ["coding-agent", "plan-2", "regions", "studio", "studio", "summaries"]
    assert len(checked.subscriptions) == 5
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


def test_a_version_in_a_broken_file_is_not_missed(catalog: Path, edit: Edit) -> None:
    edit("products/studio-next.yaml", "currency: EUR", "currency: EURO")
    (line,) = answer(catalog)
    assert line.startswith("products/studio-next.yaml:7:13: product.currency: 'EURO'")


def test_a_subscription_in_a_broken_row_is_not_missed(catalog: Path, edit: Edit) -> None:
    edit("subscriptions.csv", "2026-01-10", "2026-01-32")
    (line,) = answer(catalog)
    assert line.startswith("subscriptions.csv:4:7: started_at: '2026-01-32'")


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


def test_a_version_keeps_its_period_and_currency(catalog: Path) -> None:
    text = (catalog / "products" / "studio.yaml").read_text(encoding="utf-8")
    later = text.replace("2026-01-01", "2026-07-01").replace("currency: EUR", "currency: USD")
    later = later.replace("align: calendar, ", "").replace("large-answers", "larger-answers")
    later = later.replace("key: parcels", "key: more-parcels")
    (catalog / "products" / "studio-july.yaml").write_text(later, encoding="utf-8")
    kept = "studio-july.yaml has another one, and a version keeps its"
    lines = [line for line in answer(catalog) if kept in line]
    assert [line.split(": ")[1] for line in lines] == [
        "product.currency",
        "product.settlement.every",
    ]


def test_a_rule_of_a_version_stands_in_one_of_its_files(catalog: Path) -> None:
    text = (catalog / "products" / "studio.yaml").read_text(encoding="utf-8")
    later = text.replace("effective_from: 2026-01-01", "effective_from: 2026-07-01")
    (catalog / "products" / "studio-july.yaml").write_text(later, encoding="utf-8")
    first, second = answer(catalog)
    assert first == (
        "products/studio-july.yaml:52:12: product.pricing_rules[1].key: holds while line 52 of "
        "products/studio.yaml has a rule of this key. End that one before, or choose another key"
    )
    assert second.startswith("products/studio.yaml:44:12: product.pricing_rules[0].key: holds")


def test_a_rule_may_follow_one_of_its_key(catalog: Path, edit: Edit) -> None:
    edit("products/studio.yaml", "key: parcels", "key: large-answers")
    edit("products/studio.yaml", "amount: 0.05", "amount: 0.05\n      effective_from: 2027-01-01")
    assert check_catalog(catalog).products


def test_a_trial_of_what_is_charged_once_is_fine(catalog: Path, edit: Edit) -> None:
    model = "pricing_model: {type: one_time_charge, amount: 400.00}\n  trial_days: 30"
    edit("products/regions.yaml", "currency: USD", f"currency: USD\n  {model}")
    assert check_catalog(catalog).products


def test_a_later_recorded_row_replaces_the_earlier(catalog: Path, edit: Edit) -> None:
    edit("subscribers.csv", "organization_id\n", "organization_id,recorded_at\n")
    edit("subscribers.csv", "Anna,acme", "Anna,acme,")
    moved = "anna,,Anna,acme,2026-03-01T00:00:00Z\nbo,anna@example.com,,,2026-03-01T00:00:00Z\n"
    edit("subscribers.csv", "bo,,,\n", f"bo,,,,\n{moved}")
    edit("credentials.csv", "valid_to\n", "valid_to,recorded_at\n")
    edit("credentials.csv", ",2026-02-28\n", ",2026-03-31,\n")
    edit("credentials.csv", "2026-03-01,\n", "2026-03-01,,2026-03-05T00:00:00Z\n")
    edit("credentials.csv", "sub-2,,\n", "sub-2,,,\n")
    corrected = "First key,secret-1,sub-1,,2026-02-28,2026-03-05T00:00:00Z\n"
    with (catalog / "credentials.csv").open("a", encoding="utf-8") as file:
        file.write(corrected)
    assert len(check_catalog(catalog).subscribers) == 4


def test_rows_that_meet_in_time_and_in_knowledge_are_refused(catalog: Path, edit: Edit) -> None:
    edit("credentials.csv", "valid_to\n", "valid_to,recorded_at\n")
    edit("credentials.csv", ",2026-02-28\n", ",2026-03-31,\n")
    edit("credentials.csv", "2026-03-01,\n", "2026-03-01,,2026-03-04T00:00:00Z\n")
    edit("credentials.csv", "sub-2,,\n", "sub-2,,,\n")
    with (catalog / "credentials.csv").open("a", encoding="utf-8") as file:
        file.write("First key,secret-1,sub-1,,2026-02-28,2026-03-05T00:00:00Z\n")
    (line,) = answer(catalog)
    assert line.startswith("credentials.csv:3:4: valid_from: holds while line 2 maps the same")


def test_later_terms_of_the_same_version_are_accepted(catalog: Path) -> None:
    text = (catalog / "products" / "summaries.yaml").read_text(encoding="utf-8")
    later = text.replace("2026-01-01", "2026-07-01")
    (catalog / "products" / "summaries-july.yaml").write_text(later, encoding="utf-8")
    assert len(check_catalog(catalog).products) == 7


def test_files_that_would_not_be_read_are_refused(catalog: Path) -> None:
    known = (
        "organizations.csv, subscribers.csv, sources.csv, metering_elements.csv, "
        "subscriptions.csv, cancellations.csv, upgrades.csv, credentials.csv, exchange_rates.csv, "
        "ai_prices.csv, unit_prices.csv"
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
        if path.name not in {"sources.csv", "metering_elements.csv", "exchange_rates.csv"}:
            path.unlink()
    assert check_catalog(catalog).subscriptions == ()


def test_messages_tell_neither_secrets_nor_addresses(catalog: Path, edit: Edit) -> None:
    edit("credentials.csv", "secret-1,sub-1,2026-03-01,", "secret-1,sub-1,2026-02-01,2026-01-31")
    edit("subscribers.csv", "bo,,", "bo,anna@example.com,")
    text = "\n".join(answer(catalog))
    assert text.count("\n") == 2
    assert "secret" not in text
    assert "example.com" not in text
