"""`make demo` runs to its end and all its checks pass."""

from pathlib import Path

from tests.stories.product import Process


def test_demo_passes_every_check(tmp_path: Path) -> None:
    played = Process(tmp_path, "demo", ("-m", "sandbox.demo"), {})
    assert played.wait(240) == 0, played.log()
    assert "✗" not in played.log()
    assert played.log().count("✓") >= 15
