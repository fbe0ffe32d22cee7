"""Which rules rate: the text of the models and of what they refer to."""

import hashlib

from ingest.paths import PROJECT_ROOT

_DBT = PROJECT_ROOT / "dbt_models"


def code_version() -> str:
    """Return the hash of everything that decides how data is rated, but for the engine."""
    folders = [_DBT / "models", _DBT / "macros", PROJECT_ROOT / "seeds/reference"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted([*files, _DBT / "dbt_project.yml"]):
        digest.update(str(path.relative_to(PROJECT_ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
