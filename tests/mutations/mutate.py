"""Would the tests notice a wrong rule? One wrong rule at a time, and what told it.

`python -m tests.mutations.mutate` tries all of `mutations.yaml`, with names only those. The billing
stories are landed and rated once; of a mutation only the models that it changes, and what is built
on them, are rated anew. What no story notices goes to the vectors and to the oracle's cases, all of
that in a copy of the project.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.nodes import ModelNode, SeedNode
from rich.console import Console
from ruamel.yaml import YAML

from ingest.paths import PROJECT_ROOT, DataPaths
from ingest.prices import import_ai_prices
from ingest.synthetic import land_synthetic
from tests.deployment import LANDED_AT, PRICED_AT, Deployment
from tests.test_scenarios import STORIES, differences, expectations

MOST_SURVIVORS = 1
MOST_SHOWN = 3
AS_OF = "2027-01-01T00:00:00Z"
COPIED = ("dagster_project", "dbt_models", "docs", "ingest", "seeds", "tests")
SUITE = ("tests/vectors/test_vectors.py::test_a_vector_comes_out", "tests/test_oracle_agreement.py")
CASES = "300"


class MutationError(Exception):
    """A mutation can't be tried; the message says which and why."""


@dataclass(frozen=True)
class Mutation:
    """One change of the models' text; blanks in `old` stand for any blanks and line ends."""

    name: str
    breaks: str
    file: str
    old: str
    new: str

    def changed(self, models: Path) -> str:
        """Return the text of the file in a dbt project's folder with the change.

        Raises:
            MutationError: the old text is not there exactly once.
        """
        pattern = r"\s+".join(re.escape(word) for word in self.old.split())
        text = (models / self.file).read_text(encoding="utf-8")
        changed, count = re.subn(pattern, lambda _: self.new, text)
        if count != 1:
            raise MutationError(
                f"{self.name}: {self.file} has {count} times: {self.old} -- bring mutations.yaml "
                "up to date with the model"
            )
        return changed

    @contextmanager
    def applied(self, models: Path) -> Iterator[None]:
        """Have a dbt project's folder changed, and as it was afterwards."""
        path = models / self.file
        before, changed = path.read_text(encoding="utf-8"), self.changed(models)
        try:
            path.write_text(changed, encoding="utf-8")
            yield
        finally:
            path.write_text(before, encoding="utf-8")


def read_mutations() -> list[Mutation]:
    """Return all mutations in the order of their file."""
    text = (Path(__file__).parent / "mutations.yaml").read_text(encoding="utf-8")
    return [Mutation(**each) for each in YAML(typ="safe", pure=True).load(text)]


class Stories:
    """All billing stories, landed once and rated by the models of a dbt project's folder."""

    def __init__(self, models: Path, data: DataPaths) -> None:
        self._models = models
        self._expected = {story.name: expectations(story) for story in STORIES}
        self._warehouse = duckdb.connect()
        self._warehouse.execute("set TimeZone = 'UTC'")
        self._built: dict[str, str] = {}
        deployment = Deployment(data, pytest.MonkeyPatch())
        for story in STORIES:
            deployment.land_story(story / "given")
        land_synthetic(data.lake, now=LANDED_AT)
        import_ai_prices(data.lake, now=PRICED_AT)
        os.environ |= {"LAKE_PATH": str(data.lake), "WAREHOUSE_PATH": ":memory:"}
        self._built = self._build()
        if failing := self._failing():
            raise MutationError(f"without any mutation these stories fail: {', '.join(failing)}")

    def failing(self) -> list[str]:
        """Return the stories that end otherwise by the models as they are now."""
        self._warehouse.begin()
        try:
            self._build()
            return self._failing()
        finally:
            self._warehouse.rollback()

    def _failing(self) -> list[str]:
        return [
            story
            for story, expected in self._expected.items()
            if any(differences(self._warehouse, story, each) for each in expected)
        ]

    def _build(self) -> dict[str, str]:
        """Build what was not built by the same text, and what refers to that."""
        texts: dict[str, str] = {}
        anew: set[str] = set()
        for result in self._compiled().results:
            node = result.node
            text = texts[node.unique_id] = getattr(node, "compiled_code", None) or node.name
            if self._built.get(node.unique_id) == text and anew.isdisjoint(node.depends_on_nodes):
                continue
            anew.add(node.unique_id)
            self._warehouse.execute(f'create schema if not exists "{node.schema}"')
            try:
                self._create(node)
            except duckdb.Error as error:
                raise MutationError(f"{node.name} can't be built: {error}") from error
        return texts

    def _create(self, node: object) -> None:
        if isinstance(node, SeedNode):
            self._warehouse.execute(
                f"create table {node.relation_name} as from read_csv($path, types = $types)",
                {
                    "path": str(self._models / node.original_file_path),
                    "types": dict(node.config.column_types),
                },
            )
        elif isinstance(node, ModelNode):
            kind = node.config.materialized
            self._warehouse.execute(
                f"create or replace {kind} {node.relation_name} as {node.compiled_code}"
            )

    def _compiled(self) -> RunExecutionResult:
        marts = sorted({each.mart for expected in self._expected.values() for each in expected})
        folders = ["--project-dir", str(self._models), "--profiles-dir", str(self._models)]
        chosen = ["--select", *(f"+{mart}" for mart in marts), "--indirect-selection", "empty"]
        quiet = ["--quiet", "--log-level-file", "none", "--no-write-json"]
        variables = ["--vars", json.dumps({"as_of": AS_OF})]
        with chdir(self._models), redirect_stdout(StringIO()):
            done = dbtRunner().invoke([*quiet, "compile", *chosen, *variables, *folders])
        if not done.success or not isinstance(done.result, RunExecutionResult):
            raise MutationError(f"the models can't be compiled: {done.exception or done.result}")
        return done.result


def failing_cases(project: Path) -> list[str]:
    """Return the vectors and the batches of the oracle's cases that fail in a copy of the project.

    Raises:
        MutationError: they can't be tried.
    """
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", f"--maxfail={MOST_SHOWN}", *SUITE]
    done = subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"METERHOUSE_ORACLE_CASES": CASES},
        capture_output=True,
        text=True,
        check=False,
    )
    failing = re.findall(r"^(?:FAILED|ERROR) \S+::(\S+)", done.stdout, re.MULTILINE)
    if done.returncode and not failing:
        raise MutationError(f"the vectors and cases can't be tried: {done.stdout}{done.stderr}")
    return failing


def copy_project(folder: Path) -> Path:
    """Copy what the vectors and cases need; without unit tests dbt reads the models faster."""
    ignored = shutil.ignore_patterns("target", "logs", "__pycache__", "_*__unit_tests.yml")
    for name in COPIED:
        shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=ignored)
    shutil.copy(PROJECT_ROOT / "pyproject.toml", folder)
    return folder


def noticed(mutations: Sequence[Mutation], folder: Path) -> Iterator[tuple[Mutation, list[str]]]:
    """Yield each mutation with what fails because of it, first those that a story notices."""
    project = copy_project(folder / "project")
    models = project / "dbt_models"
    stories = Stories(models, DataPaths(folder / "data"))
    unnoticed = []
    for mutation in mutations:
        with mutation.applied(models):
            failing = stories.failing()
        if failing:
            yield mutation, failing
        else:
            unnoticed.append(mutation)
    if unnoticed and (failing := failing_cases(project)):
        raise MutationError(f"without any mutation these fail: {', '.join(failing)}")
    for mutation in unnoticed:
        with mutation.applied(models):
            failing = failing_cases(project)
        yield mutation, failing


def told(failing: Sequence[str]) -> str:
    """Return who noticed a mutation, as a cell of the table."""
    if not failing:
        return "SURVIVED"
    more = f" and {len(failing) - MOST_SHOWN} more" if len(failing) > MOST_SHOWN else ""
    return ", ".join(failing[:MOST_SHOWN]) + more


def main(names: Sequence[str]) -> int:
    """Try the named mutations, else all; return 1 if more than one survives.

    Raises:
        MutationError: a mutation is unknown, out of date or breaks the models altogether, or the
            tests fail without one.
    """
    mutations = {each.name: each for each in read_mutations()}
    if unknown := set(names) - mutations.keys():
        raise MutationError(f"there is no mutation {', '.join(sorted(unknown))}")
    for mutation in mutations.values():
        mutation.changed(PROJECT_ROOT / "dbt_models")
    chosen = [mutations[name] for name in names or mutations]
    console = Console(soft_wrap=True, highlight=False, markup=False)
    survivors = 0
    with TemporaryDirectory(prefix="meterhouse-mutations-") as folder:
        for mutation, failing in noticed(chosen, Path(folder)):
            console.print(f"{mutation.name:<24} {told(failing)}")
            survivors += not failing
    console.print(f"{len(chosen) - survivors} of {len(chosen)} mutations are noticed")
    return int(survivors > MOST_SURVIVORS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
