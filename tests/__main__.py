"""`python -m tests`: install the tests' prerequisites on this machine, then run pytest. Arguments
are pytest's. Locally a missing browser leaves out the tests marked `browser`, and says so; in CI it
is a failure.
"""

import os
import sys
from typing import NoReturn

from tests.prerequisites import NEEDS, install, left_out, missing, sentence


def main(arguments: list[str]) -> NoReturn:
    lacking = install(missing(NEEDS))
    for need in lacking:
        print(sentence(need), file=sys.stderr)
    if lacking and os.environ.get("CI") == "true":
        sys.exit(1)
    sys.stderr.flush()
    # Three processes for two cores, because stories wait most of the time; an `-n` among the
    # arguments overrules it.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    spread = ["-n", str(3 * (cores or 1) // 2), "--dist", "worksteal"]
    pytest = [sys.executable, "-m", "pytest", *spread, *left_out(lacking), *arguments]
    # Without these files each process translates all modules and tests on every run.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    os.execve(sys.executable, pytest, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
