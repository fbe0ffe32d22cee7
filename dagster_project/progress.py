"""What a person sees while work goes on."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

_DBT_NODE = re.compile(r"(\d+) of (\d+) (?:OK|PASS|FAIL|ERROR|SKIP|WARN)")


@contextmanager
def reading(console: Console, name: str) -> Iterator[Callable[[int], None]]:
    """Show how many records of a file were read; yields the function to report it with."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(f"Landing {name}")
        yield lambda count: progress.update(task, description=f"Landing {name}: {count:,} read")


class DbtProgress(StringIO):
    """A stream for what dbt prints: it is kept, and the nodes done move a bar."""

    def __init__(self, advance: Callable[[int, int], None]) -> None:
        super().__init__()
        self._advance = advance
        self._done = 0

    def write(self, text: str) -> int:
        """Keep a text; count the nodes that it reports as done."""
        for match in _DBT_NODE.finditer(text):
            self._done += 1
            self._advance(self._done, int(match[2]))
        return super().write(text)


@contextmanager
def settling(console: Console, title: str) -> Iterator[DbtProgress]:
    """Show how much of a settlement is done; yields the stream that dbt has to print to."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(title, total=None)
        yield DbtProgress(lambda done, total: progress.update(task, completed=done, total=total))
