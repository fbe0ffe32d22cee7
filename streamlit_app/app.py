"""The frame of every page: navigation, the banner of a stale build, the build at the foot."""

from pathlib import Path

import streamlit as st

from streamlit_app import formats, queries, snapshot

ASSETS = Path(__file__).parent / "assets"


def show_first_run() -> None:
    """Say how to get something to show."""
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
        "METERHOUSE\\_DATA says otherwise. Reload this page afterwards."
    )


def show_staleness(file: str) -> None:
    """Warn that a later settlement was not published."""
    staleness = snapshot.find_staleness()
    if staleness is None:
        return
    build = queries.build(file)
    st.warning(
        f"**Stale: last good build {formats.literal(build['build_id'])}, "
        f"as of {formats.instant(build['as_of'])}.** "
        f"The settlement as of {formats.literal(staleness.as_of)} failed at "
        f"{formats.literal(staleness.failed_at)} and was not published: "
        f"{formats.literal(staleness.reason)}",
        icon=":material/warning:",
    )


def show_build(file: str) -> None:
    """Say at the foot of the sidebar which build is shown, and how its checks went."""
    build = queries.build(file)
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
    show_staleness(file)
    page.run()
    with st.sidebar:
        show_build(file)


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
