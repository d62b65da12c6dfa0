"""docker-compose.yml, its .env.example and the image: nothing unpinned, nothing open, no secret, every name known.

Docker itself is not run in these tests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.core import TyperGroup as Group
from typer.main import get_command

from metering.times import LocalCalendar
from monitor.command_line import app
from monitor.notify_plan import load_plan
from monitor.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
PROJECT: dict[str, Any] = yaml.safe_load(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = PROJECT["services"]
ONE_SHOT = {"provision", "publisher"}
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("meterwatch:")}
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?P<how>:[?\-+])?(?P<rest>[^}]*)\}")
#: Every key that a service here may have: a misspelt one would be ignored by nobody's eye but Docker's.
SERVICE_KEYS = {
    "image",
    "build",
    "init",
    "read_only",
    "tmpfs",
    "cap_drop",
    "security_opt",
    "logging",
    "command",
    "restart",
    "mem_limit",
    "shm_size",
    "stop_grace_period",
    "environment",
    "ports",
    "volumes",
    "healthcheck",
    "depends_on",
    "profiles",
}
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period", "start_interval"}
CONDITIONS = {"service_healthy", "service_completed_successfully"}


def _examples() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _settings_of(service: str) -> dict[str, str]:
    return {k: str(v) for k, v in SERVICES[service]["environment"].items() if k.startswith(PREFIX)}


def _filled(text: str, values: dict[str, str]) -> str:
    """As compose fills a text in; a required variable without a value raises KeyError."""

    def one(match: re.Match[str]) -> str:
        value = values.get(match["name"], "")
        if match["how"] == ":?" and not value:
            raise KeyError(match["name"])
        if match["how"] == ":+":
            return match["rest"] if value else ""
        return value or (match["rest"] if match["how"] == ":-" else "")

    return VARIABLE.sub(one, text)


def test_the_services_are_those_of_the_design() -> None:
    expected = {"kafka", "influxdb", "postgres", "grafana", "provision", "worker", "archive", "desk", "publisher"}
    assert set(SERVICES) == expected
    assert {"provision", "worker", "archive", "desk", "publisher"} == OURS


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_known_keys_limits_and_a_restart_policy(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= SERVICE_KEYS
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["restart"] in {"unless-stopped", "on-failure:3", "no"}
    assert (service["restart"] == "unless-stopped") == (name not in ONE_SHOT)
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["logging"]["options"]["max-size"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_full_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d+\.\d+(\.\d+)?(-|$)", tag), "pin a version, never latest"


def test_the_servers_are_of_the_versions_that_the_design_names() -> None:
    tags = {name: SERVICES[name]["image"].split(":")[1] for name in ("kafka", "influxdb", "postgres", "grafana")}
    assert tags["kafka"].startswith("4.")
    assert tags["influxdb"].startswith("2.7.")
    assert tags["postgres"].startswith("16.")
    assert tags["grafana"].startswith("11.")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert set(check) <= HEALTH_KEYS
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_conditions_that_can_come_true(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert set(how) == {"condition"}
        assert how["condition"] in CONDITIONS
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert other in ONE_SHOT


@pytest.mark.parametrize("name", sorted(OURS - {"provision"}))
def test_nothing_of_ours_starts_before_it_is_provisioned(name: str) -> None:
    assert SERVICES[name]["depends_on"]["provision"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_published_port_is_bound_to_this_machine(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_published_ports_differ() -> None:
    ports = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(set(ports)) == len(ports)


def test_named_volumes_are_declared_and_used_and_data_lies_in_them() -> None:
    mounted = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "$"))
    }
    assert mounted == set(PROJECT["volumes"])
    assert {"kafka", "influxdb", "postgres", "grafana"} <= mounted


def test_what_is_mounted_from_the_checkout_exists_and_is_read_only() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            if volume.startswith("."):
                assert (ROOT / volume.split(":")[0]).is_dir()
            if volume.startswith((".", "$")):
                assert volume.endswith(":ro")


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_processes_write_nowhere_but_where_they_may(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    writable = [path.split(":")[0] for path in service["tmpfs"]]
    writable += [volume.split(":")[1] for volume in service.get("volumes", []) if not volume.endswith(":ro")]
    assert sorted(writable) == ["/tmp", "/var/lib/meterwatch"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_is_one_that_meterwatch_knows(name: str) -> None:
    words = [_filled(str(word), _examples()) for word in SERVICES[name]["command"]]
    commands = get_command(app)
    assert isinstance(commands, Group)
    commands.commands[words[0]].make_context(words[0], words[1:])


def test_workers_can_be_scaled() -> None:
    worker = SERVICES["worker"]
    assert "ports" not in worker
    assert all(volume.endswith(":ro") for volume in worker["volumes"])
    assert "METERWATCH_INSTANCE_ID" not in worker["environment"], "two workers must not share a membership"


def test_every_variable_is_explained_in_the_example_and_every_example_is_used() -> None:
    used = {match["name"] for match in VARIABLE.finditer(COMPOSE)}
    assert used == set(_examples())
    assert "$" not in VARIABLE.sub("", COMPOSE), "a variable without braces is not seen by this test"


SECRETS = sorted(
    name for name in _examples() if re.search(r"PASSWORD|TOKEN", name) and name != "METERWATCH_GRAFANA_TOKEN"
)


@pytest.mark.parametrize("name", [*SECRETS, "GRAFANA_ALERT_WEBHOOK_URL"])
def test_compose_refuses_to_start_without_a_value_of_the_users_own(name: str) -> None:
    assert _examples()[name] == "", "an example value would be somebody's password"
    uses = [match for match in VARIABLE.finditer(COMPOSE) if match["name"] == name]
    assert uses
    assert all(match["how"] == ":?" and match["rest"] for match in uses)


def test_no_secret_is_written_into_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search(r"PASSWORD|TOKEN", name):
                assert VARIABLE.fullmatch(str(value)), f"{name} must come from the environment"


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_of_ours_is_one_and_is_accepted(name: str) -> None:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    assert set(_settings_of(name)) <= known
    values = {key: value or "a-secret-of-my-own-0123456789" for key, value in _examples().items()}
    settings = load_settings({key: _filled(value, values) for key, value in _settings_of(name).items()})
    assert settings.kafka_url == "kafka:9092"
    assert settings.influx_url == "http://influxdb:8086"
    assert settings.database_url.startswith("postgresql+psycopg://meterwatch:a-secret")
    assert settings.grafana_url == "http://grafana:3000"


def test_without_a_grafana_token_no_annotation_is_tried() -> None:
    values = {key: value or "a-secret-of-my-own-0123456789" for key, value in _examples().items()}
    values["METERWATCH_GRAFANA_TOKEN"] = ""
    settings = load_settings({key: _filled(value, values) for key, value in _settings_of("worker").items()})
    assert settings.grafana_url is None
    assert settings.grafana_token is None


def test_the_desk_listens_beyond_its_container_only_with_a_token() -> None:
    environment = SERVICES["desk"]["environment"]
    assert environment["METERWATCH_DESK_HOST"] == "0.0.0.0"  # noqa: S104 - inside the container; published on loopback
    assert environment["METERWATCH_DESK_TOKEN"].startswith("${METERWATCH_DESK_TOKEN:?")


def test_grafana_is_given_all_that_its_provisioning_files_read() -> None:
    wanted: set[str] = set()
    for path in (ROOT / "grafana" / "provisioning").rglob("*.yaml"):
        wanted |= set(re.findall(r"\$([A-Z_]+)", path.read_text()))
    assert wanted <= set(SERVICES["grafana"]["environment"])
    assert "METERWATCH_INFLUX_TOKEN" in wanted


def test_grafana_finds_its_dashboards_where_the_provider_looks() -> None:
    provider = (ROOT / "grafana" / "provisioning" / "dashboards" / "meterwatch.yaml").read_text()
    folder = yaml.safe_load(provider)["providers"][0]["options"]["path"]
    assert f"./grafana/generated:{folder}:ro" in SERVICES["grafana"]["volumes"]


def test_the_image_runs_as_nobody_special_and_installs_by_hash() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    (base,) = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)[-1] == "meterwatch"
    assert "--require-hashes --only-binary :all: -r requirements/runtime.txt" in dockerfile


def test_the_image_is_built_from_every_package_and_no_secret() -> None:
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = set(re.findall(r'"(\w+)"', pyproject.split("packages = [", 1)[1].split("]", 1)[0]))
    assert packages <= allowed
    assert not any(".env" in path or path.startswith("tests") for path in allowed)


def _pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / lock).read_text()
    return dict(re.findall(r"^([a-z0-9_.-]+(?:\[[a-z,-]+\])?)==([^\s;]+)", text, re.MULTILINE))


def test_the_image_runs_the_versions_that_are_tested() -> None:
    runtime, tested = _pins("runtime.txt"), _pins("dev.txt")
    assert runtime
    assert runtime.items() <= tested.items()
    assert "pytest" not in runtime


def test_the_example_of_a_notify_plan_is_one() -> None:
    plan = load_plan(ROOT / "deploy" / "notify" / "notify.example.toml")
    assert [channel.name for channel in plan.channels(LocalCalendar("UTC"))] == ["desk", "control-room"]
