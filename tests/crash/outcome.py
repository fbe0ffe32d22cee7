"""What was sent, acknowledged and landed, and whether it agrees."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb


@dataclass
class Outcome:
    """What was sent, acknowledged and landed, and what the kills did.

    Attributes:
        torn: the segments that were left with a part of a frame.
        sent: by event, how often it was sent without an answer to its key; so many rows it may
            have.
        landed: by event, how many rows it has.
        conflicting: the events whose rows are not the same event, and would not be counted once.
    """

    kills: int = 0
    torn: set[str] = field(default_factory=set)
    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    landed: Counter[str] = field(default_factory=Counter)
    conflicting: set[str] = field(default_factory=set)

    def faults(self) -> dict[str, int]:
        """Return how many events were lost, landed twice, or landed though nobody sent them."""
        over = {name for name, count in self.landed.items() if count > self.sent[name] > 0}
        return {
            "lost": len(self.acknowledged - self.landed.keys()),
            "twice": len(over | self.conflicting),
            "unknown": len(self.landed.keys() - self.sent.keys()),
        }

    def __str__(self) -> str:
        again = sum(count > 1 for count in self.sent.values())
        told = (
            f"{self.kills} kills",
            f"{len(self.torn)} torn segments" if self.torn else "",
            f"{len(self.sent):,} events sent",
            f"{again:,} of them again" if again else "",
            f"{len(self.acknowledged):,} acknowledged",
            f"{len(self.landed):,} landed",
            str(self.faults()),
        )
        return ", ".join(filter(None, told))


def landed_events(lake: Path) -> tuple[Counter[str], set[str]]:
    """Return how many rows of listed segments each event has, and those whose rows differ."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select event_id, count(*), count(distinct (event_key, content_hash))"
            " from read_parquet($events, hive_partitioning = false)"
            " where segment_id in (select segment_id from read_parquet($listed)) group by event_id",
            {
                "events": f"{lake}/meter_events/**/[!_]*.parquet",
                "listed": f"{lake}/segments/[!_]*.parquet",
            },
        ).fetchall()
    counts = Counter({name: count for name, count, _ in rows})
    return counts, {name for name, _, distinct_count in rows if distinct_count > 1}
