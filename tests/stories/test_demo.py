"""`make demo` plays to its end and keeps its promises."""

import subprocess
import sys

from tests.stories.product import ROOT


def test_the_demo_keeps_its_promises() -> None:
    played = subprocess.run(
        [sys.executable, "-m", "sandbox.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "✗" not in played.stdout
    assert played.stdout.count("✓") >= 15
