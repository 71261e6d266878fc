"""What is deployed: the image, the compose file, Railway's file, and the page about them."""

import json
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import discord
import pytest
from ruamel.yaml import YAML

from core.kit.discord.rest import NEEDED
from core.kit.discord.ui import POSTING_PERMISSIONS
from core.kit.runtime.settings import Settings, read_settings
from core.kit.web.assets import ASSETS, ICONS, PACKAGES
from core.people.panels.rules import NEEDED as NEEDED_FOR_PANELS

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("deploy.md", "operations.md")}
GUIDE = PAGES["deploy.md"]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = YAML(typ="safe").load(COMPOSE_TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
SETTINGS = {name.upper() for name in Settings.model_fields}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    tool, *arguments = command
    return subprocess.run(
        [TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


# The image


def instructions(name: str) -> list[str]:
    """The arguments of every `name` in the Dockerfile, in order, each on one line."""
    lines = re.sub(r"\s*\\\n\s*", " ", DOCKERFILE).splitlines()
    return [line.split(maxsplit=1)[1] for line in lines if line.startswith(name + " ")]


def final_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def test_dockerfile_passes_hadolint() -> None:
    result = run("hadolint", "Dockerfile")
    assert result.returncode == 0, result.stdout + result.stderr


def test_final_stage_installs_nothing_and_is_not_root() -> None:
    assert "pip" not in final_stage()
    assert "apt-get" not in final_stage()
    user, group = instructions("USER")[-1].split(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000
    assert final_stage().index("USER ") < final_stage().index("ENTRYPOINT ")


def test_packages_are_checked_against_their_hashes() -> None:
    installs = [line for line in instructions("RUN") if "pip" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_python_receives_signals_directly() -> None:
    """A shell in between would keep SIGTERM to itself, and the container would be killed."""
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["python", "combined_server.py"]
    assert "CMD" not in re.findall(r"^[A-Z]+", DOCKERFILE, re.MULTILINE)


def test_dockerfile_uses_our_health_check() -> None:
    assert instructions("HEALTHCHECK")[0].endswith('CMD ["python", "health_check.py"]')


def test_dockerfile_has_no_volume_for_railway() -> None:
    """Railway refuses VOLUME (https://docs.railway.com/reference/dockerfiles)."""
    assert instructions("VOLUME") == []


def test_image_disables_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict(
        word.split("=", 1) for line in instructions("ENV") for word in shlex.split(line)
    )
    assert environment["REGULARS_SANDBOX"] == "0"
    own = environment.keys() - {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert own <= SETTINGS
    monkeypatch.chdir(tmp_path)  # away from a developer's .env
    for name in own:
        monkeypatch.setenv(name, environment[name])
    assert read_settings().regulars_sandbox is False


def copied() -> list[str]:
    """What the Dockerfile takes from the project."""
    lines = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [source for line in lines for source in line[:-1]]


def reaches_the_build(path: str) -> bool:
    """Whether .dockerignore lets a path through; the last line that fits it decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if line and not line.startswith("#") and _fits(path, pattern):
            ignored = not line.startswith("!")
    return not ignored


def _fits(path: str, pattern: str) -> bool:
    return any(fnmatch(part, pattern) for part in (path, *path.split("/")))


def test_image_contains_only_the_product() -> None:
    assert {"core", "requirements.txt", "combined_server.py"} <= set(copied())
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    assert [source for source in copied() if not reaches_the_build(source)] == []
    for private in (".env", ".git", "data", "tests", "sandbox", ".venv", "core/__pycache__"):
        assert not reaches_the_build(private), private


def test_image_contains_what_the_pages_load() -> None:
    copied = {source for line in instructions("COPY") for source in line.split()[1:-1]}
    for file in (*ASSETS.values(), ICONS):
        if file.is_relative_to(PACKAGES):
            assert f"/build/node_modules/{file.relative_to(PACKAGES)}" in copied


# The compose file


def test_compose_file_matches_its_schema() -> None:
    result = run(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_schema_check_can_fail(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE_TEXT.replace("restart:", "restrat:"))
    assert run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong)).returncode


@pytest.mark.parametrize("service", ["db", "redis"])
def test_databases_are_not_reachable_from_outside(service: str) -> None:
    assert "ports" not in SERVICES[service]
    assert SERVICES[service]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_bot_port_is_published_on_localhost_only() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["bot"]["ports"])


@pytest.mark.parametrize(
    "secret", ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLASK_SECRET_KEY", "DISCORD_TOKEN"]
)
def test_no_secret_has_a_default(secret: str) -> None:
    uses = re.findall(r"\$\{" + secret + r"(.)", COMPOSE_TEXT)
    assert uses
    assert set(uses) == {":"}
    assert COMPOSE_TEXT.count("${" + secret + ":?") == len(uses)


def test_bot_waits_for_healthy_databases() -> None:
    assert SERVICES["bot"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("db", "redis")
    }
    assert all("test" in SERVICES[name]["healthcheck"] for name in ("db", "redis"))


def test_bot_addresses_match_the_database_services() -> None:
    database = SERVICES["db"]["environment"]
    address = SERVICES["bot"]["environment"]["DATABASE_URL"]
    assert address.startswith(f"postgresql://{database['POSTGRES_USER']}:")
    assert address.endswith(f"@db:5432/{database['POSTGRES_DB']}")
    assert SERVICES["bot"]["environment"]["REDIS_URL"].endswith("@redis:6379/0")


def test_compose_sets_only_known_settings() -> None:
    assert SERVICES["bot"]["environment"].keys() <= SETTINGS


def test_data_survives_container_replacement() -> None:
    """PostgreSQL's image moved its volume with version 18; at the old place data would be lost."""
    assert SERVICES["db"]["volumes"] == ["database:/var/lib/postgresql"]
    data_dir = SERVICES["bot"]["environment"]["DATA_DIR"]
    assert SERVICES["bot"]["volumes"] == [f"data:{data_dir}"]
    named = {volume.split(":")[0] for s in SERVICES.values() for volume in s.get("volumes", [])}
    assert named == COMPOSE["volumes"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_services_restart_and_limit_their_logs(service: str) -> None:
    assert SERVICES[service]["restart"] == "unless-stopped"
    assert "max-size" in SERVICES[service]["logging"]["options"]
    assert "no-new-privileges:true" in SERVICES[service]["security_opt"]


# Railway


def test_railway_uses_the_dockerfile_and_health_check() -> None:
    railway = json.loads((ROOT / "railway.json").read_text())
    assert railway["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert railway["deploy"]["healthcheckPath"] == "/health"
    assert railway["deploy"]["numReplicas"] == 1
    # Its default is to kill at once; and it takes numbers only, whatever its own example shows.
    assert railway["deploy"]["drainingSeconds"] >= 30


# The guide

FOR_COMPOSE = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "DOMAIN", "PUBLISHED_PORT"}


def test_every_variable_in_the_guide_is_used() -> None:
    assert set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_TEXT)) >= FOR_COMPOSE
    text = "".join(PAGES.values())
    named = set(re.findall(r"\b([A-Z]+(?:_[A-Z]+)+)\b", text)) - {"APPLICATION_ID"}
    assert named <= SETTINGS | FOR_COMPOSE


def test_guide_names_every_required_variable() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE_TEXT)) | {
        "DISCORD_GUILD_ID",
        "KICK_CHANNEL",
        "KICK_CLIENT_ID",
        "KICK_CLIENT_SECRET",
        "OAUTH_BASE_URL",
        "TOKEN_ENCRYPTION_KEYS",
        "TWITCH_CLIENT_ID",
        "TWITCH_CLIENT_SECRET",
    }
    assert [name for name in needed if name not in GUIDE] == []


def test_guide_starts_with_ten_steps_and_names_both_platforms_equally() -> None:
    path = GUIDE.split("## The shortest path")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. \*\*", path, re.MULTILINE) == [str(n) for n in range(1, 11)]
    assert path.count("Kick") == path.count("Twitch")
    assert "## The app at Kick" in GUIDE
    assert "## The app at Twitch" in GUIDE


def test_env_file_works_with_compose_and_docker_run() -> None:
    """`docker run --env-file` takes every line literally: no quotes, nothing after the value."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    values = [line.partition("=")[2] for line in lines if line and not line.startswith("#")]
    assert [value for value in values if re.search(r"""['"]|\s#""", value)] == []


def test_systemd_unit_runs_the_same_command_as_make() -> None:
    command = re.search(r"ExecStart=\S+/\.venv/bin/(python .+)", GUIDE)
    assert command
    assert f"$(PY) {command[1].removeprefix('python ')}\n" in (ROOT / "Makefile").read_text()
    assert "ExecStartPre=/bin/sh .ci/setup requirements.txt" in GUIDE


def test_invite_permissions_match_the_code_and_the_guide() -> None:
    number = re.search(r"permissions=(\d+)", GUIDE)
    assert number is not None
    asked = {name for name, asked in discord.Permissions(int(number[1])) if asked}
    asked = {"view_channel" if name == "read_messages" else name for name in asked}
    needed = {name for name, is_needed in NEEDED if is_needed}
    assert asked == {"view_channel" if name == "read_messages" else name for name in needed}
    assert asked >= {*POSTING_PERMISSIONS, *NEEDED_FOR_PANELS, "attach_files", "manage_roles"}
    sentence = re.search(r"these permissions and no more: (.*?) Do not give", GUIDE, re.DOTALL)
    assert sentence is not None
    told = " ".join(re.sub(r"\([^)]*\)", "", sentence[1]).split())
    words = re.split(r", | and ", told.rstrip("."))
    assert {word.strip().lower().replace(" ", "_") for word in words} == {
        {"view_channel": "view_channels"}.get(name, name) for name in asked
    }
