"""A server in a process of its own, as an operator starts it; it can be killed."""

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

_COMMAND = (sys.executable, "-c", "from dagster_project.cli import main; main()")
_ADDRESS = re.compile(r"http://[\d.]+:\d+")
_STARTS_WITHIN_SECONDS = 60


def meterhouse(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line to its end."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        env=environment(data),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def environment(data: Path) -> dict[str, str]:
    return {**os.environ, "METERHOUSE_DATA": str(data), "COLUMNS": "500"}


@dataclass
class ServerProcess:
    """`meterhouse serve` on a port of the kernel's choice; `log` is what it has said."""

    data: Path
    workers: int = 1
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            [*_COMMAND, "serve", "--port", "0", "--workers", str(self.workers)],
            env=environment(self.data),
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._is_up = threading.Event()
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()
        self._is_up.wait(_STARTS_WITHIN_SECONDS)
        told = _ADDRESS.search("".join(self.log))
        if told is None or not self._has_started():
            self.kill()
            raise AssertionError("".join(self.log))
        self.url = told[0]

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, as a service manager does; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> int:
        self._process.send_signal(by)
        code = self._process.wait(timeout=_STARTS_WITHIN_SECONDS)
        self._listening.join()
        assert self._process.stderr
        self._process.stderr.close()
        return code

    def _listen(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
            if self._has_started() and _ADDRESS.search("".join(self.log)):
                self._is_up.set()
        self._is_up.set()

    def _has_started(self) -> bool:
        """Whether every process has; the address is told before."""
        return sum("startup complete" in line for line in self.log) >= self.workers
