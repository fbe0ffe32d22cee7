from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant. Only the edge asks; everything below takes time as an argument."""
    return datetime.now(UTC)
