"""The stand-alone verifier as a module; the file is in `docs`, where viewers find it."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "docs" / "verify_draw.py"

_spec = importlib.util.spec_from_file_location("verify_draw", FILE)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

verify: Callable[..., tuple[dict[str, Any], tuple[str, ...]]] = _module.verify
