"""Whether events can be accepted, and whether those that were are on their way."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingest import segments
from ingest.paths import DataPaths
from ingest.segments import SegmentError


@dataclass(frozen=True)
class Health:
    """How a server's disk and backlog are; ages in seconds, None where there is nothing."""

    is_writable: bool
    free_bytes: int
    unlanded_segments: int
    oldest_unlanded_seconds: float | None
    last_landing_seconds: float | None


def health(paths: DataPaths, now: datetime) -> Health:
    """Return the health at `now`."""
    unlanded = segments.unlanded(paths.landing)
    folder = _existing(paths.landing)
    disk = os.statvfs(folder)
    return Health(
        os.access(folder, os.W_OK),
        disk.f_bavail * disk.f_frsize,
        len(unlanded),
        _age(unlanded[0], now) if unlanded else None,
        _last_landing(paths.lake / "segments", now),
    )


def _existing(folder: Path) -> Path:
    """Return the folder, or where it would be made."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _age(segment: Path, now: datetime) -> float | None:
    try:
        return (now - segments.opened_at(segment)).total_seconds()
    except SegmentError:
        return None


def _last_landing(folder: Path, now: datetime) -> float | None:
    # A landing ends by renaming a listing into the folder, of which there are many in time.
    return now.timestamp() - folder.stat().st_mtime if folder.exists() else None
