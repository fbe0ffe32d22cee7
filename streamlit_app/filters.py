"""Filters of the sidebar that several pages have; the address carries the answers."""

import streamlit as st

from streamlit_app import queries


def choose_products_and_customers(snapshot: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ask which products and customers to show; none chosen means all of them."""
    products = st.multiselect(
        "Products",
        queries.products(snapshot),
        key="product",
        bind="query-params",
        placeholder="All products",
    )
    customers = st.multiselect(
        "Customers",
        queries.customers(snapshot),
        key="customer",
        bind="query-params",
        placeholder="All customers",
    )
    return tuple(products), tuple(customers)
