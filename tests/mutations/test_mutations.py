from dataclasses import replace

import pytest

from ingest.paths import PROJECT_ROOT
from tests.mutations.mutate import MutationError, read_mutations

MODELS = PROJECT_ROOT / "dbt_models"
MUTATIONS = read_mutations()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_up_to_date_with_its_model(mutation):
    assert mutation.changed(MODELS) != (MODELS / mutation.file).read_text(encoding="utf-8")


def test_a_mutation_of_a_text_that_is_gone_is_refused():
    gone = replace(MUTATIONS[0], old="and usage.quantity is not what it was")

    with pytest.raises(MutationError, match=r"tier-bound: \S+ has 0 times: and usage.quantity is"):
        gone.changed(MODELS)


def test_a_mutated_file_is_as_it_was_afterwards(tmp_path):
    mutation = replace(MUTATIONS[0], file="model.sql", old="a >\n  b", new="a >= b")
    (tmp_path / "model.sql").write_text("where a\n  > b\n", encoding="utf-8")

    with mutation.applied(tmp_path):
        assert (tmp_path / "model.sql").read_text(encoding="utf-8") == "where a >= b\n"
    assert (tmp_path / "model.sql").read_text(encoding="utf-8") == "where a\n  > b\n"
