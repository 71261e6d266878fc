"""Run the product with other values of some constants: `changed_constants.py module.NAME=1 ...`.

The constants are set before anything else of the product is imported, so everybody sees them.
"""

import runpy
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    for wait in sys.argv[1:]:
        name, seconds = wait.split("=")
        module, constant = name.rsplit(".", 1)
        found = import_module(module)
        assert isinstance(getattr(found, constant), float), name
        setattr(found, constant, float(seconds))
    sys.argv = [str(ROOT / "combined_server.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")
