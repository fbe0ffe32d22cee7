"""The frame of every page: navigation, the banner of a stale build, the build at the foot."""

from pathlib import Path

import streamlit as st

from streamlit_app import formats, queries, snapshot

ASSETS = Path(__file__).parent / "assets"


def show_first_run() -> None:
    """Say how to get something to show."""
    show_staleness("nothing has been published yet")
    st.title("Meterhouse")
    st.header("Nothing has been published yet")
    st.markdown(
        "A settlement publishes what these pages show, once its checks have passed. "
        "From the project's root, land and settle the demonstration data with"
    )
    st.code("make demo", language="shell")
    st.caption(
        "The dashboard looks for a snapshot in "
        f"{formats.literal(str(snapshot.serving_folder()))}; "
        "METERHOUSE\\_DATA names another folder. Reload this page afterwards."
    )


def show_staleness(last_good: str) -> None:
    """Warn that a later settlement was not published, and what is shown instead."""
    staleness = snapshot.find_staleness()
    if staleness is None:
        return
    st.warning(
        f"**Stale: {last_good}.** The settlement as of {formats.instant(staleness.as_of)} failed "
        f"at {formats.instant(staleness.failed_at)} and was not published.",
        icon=":material/warning:",
    )
    with st.expander("What failed"):
        st.code(formats.without_colours(staleness.reason), language=None)


def show_build(build: queries.Row) -> None:
    """Say at the foot of the sidebar which build is shown, and how its checks went."""
    passed, total = build["checks_passed"], build["checks_total"]
    outcome = "✓" if passed == total else f"✗ {total - passed} failed"
    st.caption(
        f"Data as of {formats.instant(build['as_of'])} · "
        f"build {formats.literal(build['build_id'])} · checks {passed}/{total} {outcome}"
    )


def show_pages(file: str) -> None:
    """Show the page that the address asks for, in the frame."""
    st.session_state["snapshot"] = file
    page = st.navigation(
        [
            st.Page("app_pages/overview.py", title="Overview", default=True),
            st.Page("app_pages/invoices.py", title="Invoices", url_path="invoices"),
        ]
    )
    build = queries.build(file)
    show_staleness(
        f"last good build {formats.literal(build['build_id'])}, "
        f"as of {formats.instant(build['as_of'])}"
    )
    page.run()
    with st.sidebar:
        show_build(build)


st.set_page_config(page_title="Meterhouse", page_icon=str(ASSETS / "icon.svg"), layout="wide")
st.logo(str(ASSETS / "logo.svg"), size="large", icon_image=str(ASSETS / "icon.svg"))
try:
    current = snapshot.find_snapshot()
    if current is None:
        st.navigation([st.Page(show_first_run, title="Meterhouse")], position="hidden").run()
    else:
        show_pages(current)
except snapshot.SnapshotError as error:
    st.error(
        f"**The data cannot be shown.** {formats.literal(str(error))}", icon=":material/error:"
    )
