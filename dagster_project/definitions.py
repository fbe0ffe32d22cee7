from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource

from dagster_project.dbt_project import dbt_project


@dg.definitions
def defs() -> dg.Definitions:
    """Load every definition under `defs/`, run in one process: one file, one writer."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
        dg.Definitions(
            executor=dg.in_process_executor,
            resources={"dbt": DbtCliResource(project_dir=dbt_project())},
        ),
    )
