"""Benchmarks fill tables that exist, and `make bench` runs on a machine that lacks a program."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.features import load_features
from core.kit.database.connection import METADATA

ROOT = Path(__file__).parents[1]

TWO = """
import json
from benchmarks.__main__ import measure
results, left_out = measure(["ingest", "translation"], quick=True)
print("\\n" + json.dumps([list(results), left_out]))
"""


FILLED = sorted(
    (file.name, table, columns)
    for file in (ROOT / "benchmarks").glob("*.py")
    for table, columns in re.findall(
        r"INSERT INTO (\w+)(?: AS \w+)?\s+\(([^)]+)\)", file.read_text()
    )
    if table != "plain"
)


@pytest.mark.parametrize(("file", "table", "columns"), FILLED)
def test_filled_columns_exist_and_none_is_missing(file: str, table: str, columns: str) -> None:
    load_features()
    declared = METADATA.tables[table].columns
    filled = {column.strip() for column in columns.split(",")}
    assert filled <= set(declared.keys()), file
    needed = {
        column.name
        for column in declared
        if not (column.nullable or column.server_default or column.identity or column.computed)
        and column is not declared.get("id")
    }
    assert needed <= filled, file


def test_missing_wrk_skips_only_its_benchmark() -> None:
    """Nothing is on the path, not even what could install it."""
    run = subprocess.run(
        [sys.executable, "-c", TWO],
        cwd=ROOT,
        env={"PATH": "/nonexistent", "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    measured, left_out = json.loads(run.stdout.splitlines()[-1])
    assert "translate_chat_message_sent_ratio" in measured
    assert "ingest_ratio" not in measured
    (line,) = left_out
    assert "not measured, because the load generator wrk is missing" in line
    assert "sudo apt-get install wrk" in line
