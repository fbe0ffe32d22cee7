"""Whether what happens to subscriptions fits together: plan changes, ends, upgrades."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from operator import attrgetter
from zoneinfo import ZoneInfo

from ingest.catalog.entries import AnyRow, Catalog, Entry, in_order_known
from ingest.catalog.models import Product
from ingest.catalog.problems import Problem, told_twice, unknown
from ingest.catalog.rows import BEGINNING, Cancellation, Subscription, Upgrade


def plan_change(row: Subscription, catalog: Catalog) -> str | None:
    """Return when a subscription takes the place of the one that it replaces: now or period_end.

    Unless it says so, it does at once where the replaced one allows immediate cancellation.
    """
    if row.replaces is None or row.change is not None:
        return row.change
    replaced = catalog.known_subscriptions[row.replaces]
    if replaced.immediate_cancellation is not None:
        return "now" if replaced.immediate_cancellation else "period_end"
    started_at = row.span(catalog.zones[row.product_id])[0]
    terms = catalog.terms_at(replaced.product_id, started_at)
    return "now" if terms is not None and terms.immediate_cancellation else "period_end"


def subscription_problems(catalog: Catalog, broken: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with the subscriptions of known products, and what happens to them.

    References into the files of `broken` (their names without ending) are not judged.
    """
    first_terms = catalog.first_terms()
    for entry in catalog.subscriptions:
        if entry.form.product_id in catalog.zones:
            yield from _times(entry, catalog, first_terms[entry.form.product_id])
            yield from _overrides(entry)
            if "subscribers" not in broken:
                yield from _audience(entry, catalog)
            yield from _plan_change(entry, catalog, broken)
    yield from _changes(catalog)
    yield from _successors(catalog)
    yield from _cancellations(catalog)
    yield from _upgrades(catalog, broken)


def settlement_of(product: Product) -> dict[str, object]:
    """Return what a product version never changes, by what people call it."""
    settlement = product.settlement
    return {
        "settlement period": (settlement.every, settlement.calendar_unit),
        "time zone": settlement.timezone.key,
        "currency": product.currency,
    }


def settled_of(row: Subscription, zone: ZoneInfo) -> dict[str, object]:
    """Return what a subscription keeps once it has begun, by the column that says it.

    Invoices rest on it as it was known first. A load refuses to change it once it is settled.
    """
    return {
        "started_at": row.span(zone)[0],
        "product": row.product,
        "version": row.version,
        "organization_id": row.organization_id,
        "subscriber_id": row.subscriber_id,
        "audience": row.kind_of_audience,
        "immediate_cancellation": row.immediate_cancellation,
        "trial_days": row.trial_days,
        "settlement": row.settlement,
        "replaces": row.replaces,
        "change": row.change,
    }


def no_version(key: str, version: str, versions: Iterable[str]) -> str:
    """Return the text of a reference to a version that a product does not have."""
    known = ", ".join(sorted(set(versions)))
    return f"{key} has no version '{version}'. It has {known}: write one of them"


def order_problems(
    entry: Entry[AnyRow], column: str, span: tuple[datetime, datetime | None]
) -> Iterator[Problem]:
    """Yield the problem of an end that is not after its start."""
    started_at, ended_at = span
    if ended_at is not None and ended_at <= started_at:
        yield entry.problem((column,), "is not after the start. Correct one of the two")


def _times(
    entry: Entry[Subscription], catalog: Catalog, first_terms: datetime
) -> Iterator[Problem]:
    span = entry.form.span(catalog.zones[entry.form.product_id])
    yield from order_problems(entry, "expires_at", span)
    if span[0] < first_terms:
        text = "is before the first terms of its product. Start it later, or give the product"
        yield entry.problem(("started_at",), f"{text} an earlier effective_from")


def _overrides(entry: Entry[Subscription]) -> Iterator[Problem]:
    row = entry.form
    if row.audience != ("subscriber",) and row.organization_id is None:
        text = "is missing. Name the organization that is the audience"
        yield entry.problem(("organization_id",), text)
    if row.change is not None and row.replaces is None:
        text = "says when another subscription is replaced. Name it in replaces, or leave it empty"
        yield entry.problem(("change",), text)
    if row.trial_days and row.replaces is not None:
        text = "is a trial, and what replaces a subscription has none. Leave it empty"
        yield entry.problem(("trial_days",), text)


def _audience(entry: Entry[Subscription], catalog: Catalog) -> Iterator[Problem]:
    known = {each.form.subscriber_id for each in catalog.subscribers}
    for name in entry.form.named_audience:
        if name not in known:
            text = unknown(name, known | {"organization"}, "subscriber")
            yield entry.problem(("audience",), text)


def _plan_change(
    entry: Entry[Subscription], catalog: Catalog, broken: Collection[str]
) -> Iterator[Problem]:
    row, known = entry.form, catalog.known_subscriptions
    if row.replaces is None:
        return
    if row.replaces == row.subscription_id:
        text = "is the subscription itself. Name the one that it takes the place of"
        yield entry.problem(("replaces",), text)
        return
    if row.replaces not in known:
        names = {each.form.subscription_id for each in catalog.subscriptions}
        if row.replaces not in names and "subscriptions" not in broken:
            yield entry.problem(("replaces",), unknown(row.replaces, names, "subscription"))
        return
    replaced = known[row.replaces]
    started_at = row.span(catalog.zones[row.product_id])[0]
    since, until = replaced.span(catalog.zones[replaced.product_id])
    if started_at <= since:
        text = f"is not after the start of {row.replaces}, which it replaces. Start it later"
        yield entry.problem(("started_at",), text)
    elif until is not None and until <= started_at:
        text = f"has expired when this one starts. Leave it empty, or start before {row.replaces}"
        yield entry.problem(("replaces",), f"{text} expires")
    elif "period_end" == plan_change(row, catalog) == _known_change(replaced, catalog):
        text = f"is at the end of a period of {row.replaces}, which began so itself"
        remedy = "Write the boundary as started_at, and now as change"
        yield entry.problem(("change",), f"{text}. {remedy}")


def _known_change(row: Subscription, catalog: Catalog) -> str | None:
    """Return how a subscription began; None where the one that it replaces is not known."""
    if row.replaces is None or row.replaces not in catalog.known_subscriptions:
        return None
    return plan_change(row, catalog)


def _changes(catalog: Catalog) -> Iterator[Problem]:
    """Yield what a later row changes of a subscription that has begun by then."""
    before: dict[str, Entry[Subscription]] = {}
    begun_at: dict[str, datetime] = {}
    for entry in in_order_known(catalog.subscriptions):
        row = entry.form
        if row.product_id not in catalog.zones:
            continue
        zone, name = catalog.zones[row.product_id], row.subscription_id
        earlier = before.get(name)
        if earlier is not None and begun_at[name] <= (row.recorded_at or BEGINNING):
            kept = settled_of(earlier.form, catalog.zones[earlier.form.product_id])
            for column, value in settled_of(row, zone).items():
                if value != kept[column]:
                    text = f"is another one on line {earlier.place.line}, and the subscription has"
                    remedy = "Write the same, or end it and start a new one"
                    yield entry.problem((column,), f"{text} begun when this is recorded. {remedy}")
        before[name] = entry
        begun_at[name] = min(begun_at.get(name, row.span(zone)[0]), _begun_at(row, catalog))


def _begun_at(row: Subscription, catalog: Catalog) -> datetime:
    """Return from when invoices rest on a subscription: a setup fee is invoiced at its entry."""
    started_at = row.span(catalog.zones[row.product_id])[0]
    terms = catalog.terms_at(row.product_id, started_at)
    fee = None if terms is None or row.replaces is not None else terms.setup_fee
    is_invoiced = fee is not None and fee.bill == "immediate"
    return row.recorded_at or BEGINNING if is_invoiced else started_at


def _successors(catalog: Catalog) -> Iterator[Problem]:
    latest = {entry.form.subscription_id: entry for entry in in_order_known(catalog.subscriptions)}
    first_line: dict[str, int] = {}
    for entry in sorted(latest.values(), key=attrgetter("place")):
        if entry.form.replaces is None:
            continue
        line = first_line.setdefault(entry.form.replaces, entry.place.line)
        if line != entry.place.line:
            text = f"{entry.form.replaces} is replaced by line {line} already. Keep one"
            yield entry.problem(("replaces",), text)


def _cancellations(catalog: Catalog) -> Iterator[Problem]:
    latest: dict[tuple[str, datetime], Entry[Cancellation]] = {}
    for entry in in_order_known(catalog.cancellations):
        if start := catalog.subscription_starts.get(entry.form.subscription_id):
            cancelled_at = entry.form.at(start.zone)
            yield from order_problems(entry, "cancelled_at", (start.at, cancelled_at))
            key = entry.form.subscription_id, cancelled_at
            yield from _told_twice(entry, "cancelled_at", latest.get(key))
            latest[key] = entry
    first_line: dict[str, int] = {}
    for entry in sorted(latest.values(), key=attrgetter("place")):
        if entry.form.withdrawn_at is not None:
            continue
        line = first_line.setdefault(entry.form.subscription_id, entry.place.line)
        if line != entry.place.line:
            text = f"is cancelled by line {line} already. Give that one a withdrawn_at"
            yield entry.problem(("subscription_id",), text)


def _told_twice(
    entry: Entry[AnyRow], column: str, earlier: Entry[AnyRow] | None
) -> Iterator[Problem]:
    if earlier is not None and earlier.form.recorded_at == entry.form.recorded_at:
        yield entry.problem((column,), told_twice(earlier.place.line))


def _upgrades(catalog: Catalog, broken: Collection[str]) -> Iterator[Problem]:
    latest: dict[tuple[str, datetime], Entry[Upgrade]] = {}
    for entry in in_order_known(catalog.upgrades):
        if start := catalog.subscription_starts.get(entry.form.subscription_id):
            since = entry.form.since(start.zone)
            yield from order_problems(entry, "valid_from", (start.at, since))
            key = entry.form.subscription_id, since
            yield from _told_twice(entry, "valid_from", latest.get(key))
            latest[key] = entry
    versions = {name: row.version for name, row in catalog.known_subscriptions.items()}
    for (name, since), entry in sorted(latest.items()):
        if entry.form.version == versions[name]:
            text = "is the version that the subscription has by then. Remove the row"
            yield entry.problem(("version",), text)
        versions[name] = entry.form.version
        if "products" not in broken:
            yield from _upgraded_terms(entry, since, catalog)


def _upgraded_terms(entry: Entry[Upgrade], since: datetime, catalog: Catalog) -> Iterator[Problem]:
    subscription = catalog.known_subscriptions[entry.form.subscription_id]
    versions = {
        each.form.product.version: each.form.product
        for each in catalog.products
        if each.form.product.key == subscription.product
    }
    if entry.form.version not in versions:
        yield entry.problem(
            ("version",), no_version(subscription.product, entry.form.version, versions)
        )
        return
    new, old = versions[entry.form.version], versions[subscription.version]
    if catalog.first_terms()[new.product_id] > since:
        text = f"is before the first terms of {new.product_id}. Write a later instant, or give it"
        yield entry.problem(("valid_from",), f"{text} an earlier effective_from")
    for what, value in settlement_of(old).items():
        if settlement_of(new)[what] != value:
            text = f"has another {what} than {old.version}"
            remedy = "Replace the subscription by a new one instead"
            yield entry.problem(("version",), f"{text}. {remedy}")
