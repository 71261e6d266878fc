"""Run the product with other values of some constants: `changed_constants.py module.NAME=1 ...`.

Every module that has imported a constant by its name gets the new value, too. A constant that is
the default of a parameter or part of another constant has been read before, and cannot be changed.
"""

import runpy
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]


def change(name: str, value: float) -> None:
    """Set `module.NAME`, or `module.Class.NAME`, to another value of the same type."""
    holder, constant = name.rsplit(".", 1)
    module, _, owner = holder.partition(":")
    found = import_module(module)
    if owner:
        found = getattr(found, owner)
    old = getattr(found, constant)
    assert isinstance(old, float), name
    holders = [found, *list(sys.modules.values())]
    for one in holders:
        if one is not None and getattr(one, "__dict__", {}).get(constant) is old:
            setattr(one, constant, value)


if __name__ == "__main__":
    for wait in sys.argv[1:]:
        name, seconds = wait.split("=")
        change(name, float(seconds))
    sys.argv = [str(ROOT / "combined_server.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")
