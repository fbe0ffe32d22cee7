"""Time zones from the pinned release of their data, whatever the machine has of its own."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATA = files("tzdata")


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones that the pinned data has."""
    return frozenset(_DATA.joinpath("zones").read_text(encoding="utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return a zone by its IANA name.

    Raises:
        KeyError: the pinned data has no such zone.
    """
    if name not in zone_names():
        raise KeyError(name)
    with _DATA.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
