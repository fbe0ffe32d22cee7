"""Every operation of the served OpenAPI document, with what the document lets one send."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.loopback import Loopback, listening

CASES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def server(tmp_path) -> Iterator[Loopback]:
    with listening(tmp_path) as started:
        yield started


def ask(operation: APIOperation, server: Loopback) -> None:
    @settings(
        max_examples=CASES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def check(case: Case) -> None:
        case.call_and_validate(headers={"x-api-key": server.key}, checks=CHECKS)

    check()


def test_every_operation_answers_as_documented(server):
    document = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    operations = [each.ok() for each in document.get_all_operations() if isinstance(each, Ok)]
    assert len(operations) == len([*document.get_all_operations()]) > 30
    failures = []
    for operation in operations:
        try:
            ask(operation, server)
        except BaseExceptionGroup as found:
            failures.append(f"{operation.label}: {found.exceptions}")
    assert not failures, "\n\n".join(failures)
