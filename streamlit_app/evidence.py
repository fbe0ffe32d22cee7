"""What a line of an invoice is made of, in words: events, or terms, a period and a fact."""

from urllib.parse import urlencode

from streamlit_app import formats
from streamlit_app.queries import Row

_OWED = {
    "setup": "A setup fee is owed once, by the subscription or by its payer",
    "one_time": "A one-time charge is owed for the purchase",
    "recurring": "A recurring charge is owed for the period itself",
}
_SETUP_BEFORE_ACCESS = "The subscription is live from the instant at which this invoice is paid."


def text(invoice: Row, line: Row, origin: Row, summed: Row) -> str:
    """Say, in Markdown, what a line was made of, and whether its events add up to it."""
    if line["kind"] in _OWED:
        return _charge_text(invoice, line, origin)
    if line["kind"] == "credit":
        return _credit_text(invoice, line)
    if line["kind"] == "adjustment":
        return _adjustment_text(invoice, line, origin, summed)
    if line["kind"] == "element_fee":
        events = counted(summed["event_count"], "event")
        return f"Carried by {events}; the first of them made the fee due."
    if line["kind"] == "rule":
        return _rule_text(invoice, line, summed)
    return (
        f"{_events_text(line, summed)}  \n"
        f"Σ {formats.number(summed['quantity'])} units: "
        f"{formats.verdict(summed['quantities_agree'])} the "
        f"{formats.number(line['usage_quantity'])} metered"
    )


def counted(count: int, noun: str) -> str:
    """Write how many there are of something."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _events_text(line: Row, summed: Row) -> str:
    return (
        f"{counted(summed['event_count'], 'event')}: {formats.verdict(summed['counts_agree'])} "
        f"the {formats.count(line['usage_event_count'])} metered"
    )


def _charge_text(invoice: Row, line: Row, origin: Row) -> str:
    amount = formats.money(line["fixed_amount"], invoice["minor_unit"])
    each = " a period" if line["kind"] == "recurring" else ""
    terms = (
        f"{formats.literal(origin['product_id'])} since {formats.day(origin['local_terms_from'])}"
    )
    parts = [
        f"{_OWED[line['kind']]}; no event is behind it.",
        f"Terms: {terms}, {amount} {line['currency']}{each}",
    ]
    if line["kind"] == "recurring":
        when = "in advance" if line["period_ordinal"] > line["closing_ordinal"] else "in arrears"
        spell = formats.period(origin["local_started_at"], origin["local_ended_at"])
        parts.append(f"Period: {spell}, charged {when}")
    if invoice["kind"] == "setup":
        parts.append(_SETUP_BEFORE_ACCESS)
    if line["fraction"] is not None:
        parts.append(f"Share: {_share_text(line)}")
    return "  \n".join(parts)


def _credit_text(invoice: Row, line: Row) -> str:
    return (
        f"What {_corrected_invoice(line)} charged in advance for time that is not used is given "
        "back, as the subscription ends within it; no event is behind it.  \n"
        f"Unused: {_share_text(line)}  \n{_change_text(line, invoice['minor_unit'])}"
    )


def _share_text(line: Row) -> str:
    seconds = formats.share(line["share_seconds"], line["full_seconds"])
    return f"{seconds}, that is {formats.number(line['fraction'])} of the full period"


def _rule_text(invoice: Row, line: Row, summed: Row) -> str:
    amount = formats.money(line["amount"], invoice["minor_unit"])
    return (
        f"The pricing rule `{line['rule_key']}` charged each of these transactions by itself.  \n"
        f"{_events_text(line, summed)}  \n"
        f"Σ {formats.number(summed['rule_amount'])} {line['currency']}, rounded once: "
        f"{formats.verdict(summed['amounts_agree'])} the line, {amount}"
    )


def _adjustment_text(invoice: Row, line: Row, origin: Row, summed: Row) -> str:
    state = ", which is void" if origin["corrects_void"] else ""
    return (
        f"{_news_text(line, origin, summed)} The line is the difference to what counts as billed "
        f"on {_corrected_invoice(line)}{state}.  \n{_change_text(line, invoice['minor_unit'])}"
    )


def _news_text(line: Row, origin: Row, summed: Row) -> str:
    if summed["event_count"]:
        units = "" if line["rule_key"] else f", Σ {formats.number(summed['quantity'])} units"
        return f"Late or corrected: {counted(summed['event_count'], 'event')}{units}."
    if origin["corrects_void"]:
        return "No late event is behind it."
    if line["charge_key"]:
        return (
            "What became known after the charge was billed, such as an end or a void, is no event."
        )
    return "Something else than an event became known late, such as a price."


def _corrected_invoice(line: Row) -> str:
    address = urlencode({"invoice": line["adjusts_invoice_id"], "currency": line["currency"]})
    return f"[{formats.literal(line['adjusts_invoice_id'])}](invoices?{address})"


def _change_text(line: Row, minor_unit: int) -> str:
    before, after = line["previous_quantity"], line["new_quantity"]
    units = "" if before is None else f"{formats.number(before)} → {formats.number(after)} units; "
    return (
        f"{units}{formats.money(line['previous_amount'], minor_unit)} → "
        f"{formats.money(line['new_amount'], minor_unit)} {line['currency']}: "
        f"{formats.difference(line['amount'], minor_unit)}"
    )
