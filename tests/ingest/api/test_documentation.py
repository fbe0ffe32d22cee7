"""What the documentation for senders says is so."""

import re
from typing import get_args

from ingest.api.errors import RESOLUTIONS
from ingest.paths import PROJECT_ROOT
from ingest.refusal import Reason

DOCUMENT = (PROJECT_ROOT / "docs" / "metering-api.md").read_text(encoding="utf-8")
CURL = re.compile(r"curl http://127\.0\.0\.1:8500(\S+)((?:[^`]|\n)*?)-d '([^']*)'")
HEADER = re.compile(r'-H "([^:"]+): ([^"]*)"')
OF_FILES_OR_OF_THE_CATALOGUE = {"bad_csv", "bad_columns", "bad_fact", "unknown_reference"}


def test_the_calls_it_shows_are_accepted(server):
    calls = CURL.findall(DOCUMENT)
    assert len(calls) == DOCUMENT.count("curl ")
    for path, options, body in calls:
        headers = {name: value for name, value in HEADER.findall(options) if name != "x-api-key"}
        answer = server.post(path, content=body.encode(), headers=headers)
        assert answer.status_code == 201, answer.text


def test_every_reason_comes_with_a_remedy():
    assert set(get_args(Reason)) - OF_FILES_OR_OF_THE_CATALOGUE <= RESOLUTIONS.keys()
