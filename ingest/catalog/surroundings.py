"""What a product refers to: sources, elements, currencies.

References that cannot be judged, because the file that they point into is broken, are None here
and are left alone: one mistake is reported once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ingest.catalog.elements import AI_NUMBERS, BUILT_IN_ELEMENTS
from ingest.catalog.entries import Catalog, in_order_known
from ingest.catalog.models import Product
from ingest.catalog.rows import MeteringElement, Source
from ingest.rules import ElementType

_AI_KINDS = {"ai", "otlp"}


@dataclass(frozen=True)
class Surroundings:
    """The parts of a catalogue that products refer to; None for what could not be read."""

    sources: Mapping[str, Source] | None
    elements: Mapping[str, MeteringElement] | None
    exchanged: Collection[str] | None

    def knows_sources_of(self, product: Product) -> bool:
        """Whether all sources of a product are known, so that what they carry can be judged."""
        return self.sources is not None and set(product.sources) <= set(self.sources)

    def takes_ai_events(self, product: Product) -> bool:
        """Whether a source of the product may send AI events, as far as it can be judged."""
        if self.sources is None or not self.knows_sources_of(product):
            return True
        return any(self.sources[source].kind in _AI_KINDS for source in product.sources)

    def is_carried(self, element: str, product: Product) -> bool:
        """Whether a source of the product may carry an element, as far as it can be judged."""
        if element in BUILT_IN_ELEMENTS:
            return self.takes_ai_events(product)
        if self.elements is None or not self.knows_sources_of(product):
            return True
        return bool(set(self.elements[element].sources) & set(product.sources))

    def rule_columns(self) -> dict[str, ElementType]:
        """Return the elements that a pricing rule may name, with their types."""
        numbers: dict[str, ElementType] = dict.fromkeys(AI_NUMBERS, "number")
        return numbers | {name: each.type for name, each in (self.elements or {}).items()}


def surroundings(catalog: Catalog, broken: Collection[str] = ()) -> Surroundings:
    """Return what a catalogue's products refer to, as it was last recorded."""
    sources = {entry.form.source_id: entry.form for entry in in_order_known(catalog.sources)}
    elements = {
        entry.form.element: entry.form for entry in in_order_known(catalog.metering_elements)
    }
    exchanged = {entry.form.currency for entry in catalog.exchange_rates}
    return Surroundings(
        sources=None if "sources" in broken else sources,
        elements=None if "metering_elements" in broken else elements,
        exchanged=None if "exchange_rates" in broken else exchanged,
    )
