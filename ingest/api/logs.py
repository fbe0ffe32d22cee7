"""Logs for machines: one JSON object a line, never with a payload, a key, or an error's own words.

What an exception says may quote what a sender sent. Its type and its place are told instead.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

LOGGER = "meterhouse.api"


class JsonLines(logging.Formatter):
    """Formats a record as one line of ASCII; control characters in it are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; `extra={"said": {…}}` adds its fields."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().rstrip(),
            **getattr(record, "said", {}),
        }
        if record.exc_info and record.exc_info[1]:
            said |= _where(record.exc_info[1])
        return json.dumps(said, default=str)


def _where(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def log_config() -> dict[str, Any]:
    """Return the configuration of logging for the server's processes: all of it on stderr."""
    logger = {"handlers": ["stderr"], "level": "INFO", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stderr",
            }
        },
        "loggers": {LOGGER: logger, "uvicorn": logger},
    }
