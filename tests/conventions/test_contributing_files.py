"""Files that contributors expect: workflows, templates, dependency updates, hooks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"


def load(path: str) -> Any:
    return YAML(typ="safe").load((ROOT / path).read_text())


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", "workflows/*.yml"),
        ("dependabot", "dependabot.yml"),
        ("github-issue-config", "ISSUE_TEMPLATE/config.yml"),
        ("github-issue-forms", "ISSUE_TEMPLATE/[!c]*.yml"),
    ],
)
def test_file_follows_its_schema(schema: str, pattern: str) -> None:
    files = [str(path) for path in GITHUB.glob(pattern)]
    assert files
    tool = str(Path(sys.executable).parent / "check-jsonschema")
    command = [tool, "--builtin-schema", f"vendor.{schema}", *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_workflow_runs_what_continuous_integration_runs() -> None:
    steps = load(".github/workflows/test.yml")["jobs"]["test"]["steps"]
    assert "bash .ci/run" in [step.get("run") for step in steps]


def test_every_kind_of_package_is_updated_weekly() -> None:
    updates = load(".github/dependabot.yml")["updates"]
    files = {"pip": "requirements.in", "npm": "package.json", "docker": "Dockerfile"}
    assert {update["package-ecosystem"] for update in updates} == {*files, "github-actions"}
    assert {update["schedule"]["interval"] for update in updates} == {"weekly"}
    assert all((ROOT / name).is_file() for name in files.values())


def test_commit_hook_runs_make_check() -> None:
    (repository,) = load(".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert (repository["repo"], hook["entry"]) == ("local", "make check")
    assert hook["always_run"]
    assert not hook["pass_filenames"]
