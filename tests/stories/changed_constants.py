"""Run a program of ours with other values of some constants, where only the end of a wait is of
interest: `changed_constants.py module.NAME=1 task:raffle.draw=0.5 ... combined_server.py`.

`module:Class.NAME` is a constant of a class, and `task:name` the interval of a scheduled task; all
are seconds. A constant that is the default of a parameter, or part of another constant, has been
read before and cannot be changed.
"""

import runpy
import sys
from datetime import timedelta
from importlib import import_module

from core.features import load_features


def change(name: str, seconds: float) -> None:
    """Also where it has been imported by its name."""
    place, _, constant = name.rpartition(".")
    module, _, owner = place.partition(":")
    found = import_module(module)
    holder = getattr(found, owner) if owner else found
    old = getattr(holder, constant)
    assert isinstance(old, float | timedelta), name
    new = timedelta(seconds=seconds) if isinstance(old, timedelta) else seconds
    setattr(holder, constant, new)
    for other in list(sys.modules.values()):
        if getattr(other, "__dict__", {}).get(constant) is old:
            setattr(other, constant, new)


def change_interval(name: str, seconds: float) -> None:
    """Of the task with this name."""
    tasks = [task for feature in load_features() for task in feature.tasks if task.name == name]
    assert tasks, name
    for task in tasks:
        object.__setattr__(task, "every", lambda _settings: seconds)


if __name__ == "__main__":
    *changes, program = sys.argv[1:]
    for each in changes:
        changed, given = each.split("=")
        if changed.startswith("task:"):
            change_interval(changed.removeprefix("task:"), float(given))
        else:
            change(changed, float(given))
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")
