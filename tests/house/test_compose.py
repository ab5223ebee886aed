"""What can be said of the container files without a container engine: they parse and they agree."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
GPU = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "ingest", "train", "beat")


def stages() -> dict[str, tuple[str, str]]:
    """Name → (what it starts from, its instructions), in the order of the Dockerfile."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {parts[i + 1]: (parts[i], parts[i + 2]) for i in range(0, len(parts), 3)}


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {*OURS, "proxy", "db", "redis"}
    assert SERVICES["db"]["image"].startswith("postgres:15")


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_workers_and_stores_have_no_way_out() -> None:
    assert COMPOSE["networks"]["back"] == {"internal": True}
    for name in SERVICES.keys() - {"proxy", "web"}:
        assert SERVICES[name]["networks"] == ["back"], name


@pytest.mark.parametrize("name", [*OURS, "proxy"])
def test_containers_are_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_production_is_what_the_settings_expect() -> None:
    environment = SERVICES["web"]["environment"]
    assert environment["DATABASE_URL"].startswith("postgres://")
    assert environment["REDIS_URL"].startswith("redis://")
    assert environment["BEHIND_TLS"] == "1"
    assert not environment.keys() & {"DEBUG", "ALLOW_SQLITE"}


def test_secrets_come_from_the_environment_and_must_be_set() -> None:
    environment = SERVICES["web"]["environment"]
    assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]
    assert "${REDIS_PASSWORD:?" in environment["REDIS_URL"]


def test_the_example_names_every_variable() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    offered = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert used == offered


def test_redis_keeps_its_messages() -> None:
    lines = (ROOT / "deploy" / "redis.conf").read_text().splitlines()
    assert {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"} <= set(lines)


def test_the_gpu_is_reserved_in_the_override_only() -> None:
    assert "deploy" not in SERVICES["train"]
    assert list(GPU["services"]) == ["train"]
    devices = GPU["services"]["train"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_the_queues_are_the_same_in_compose_dockerfile_and_procfile() -> None:
    def queues(text: str) -> set[str]:
        return set(re.findall(r"-Q[\s\",]+(\w+)", text))

    assert queues((ROOT / "Procfile").read_text()) == {"data", "train"}
    assert queues((ROOT / "docker-compose.yml").read_text()) == {"data"}
    assert queues(stages()["worker"][1]) == {"train"}


def test_the_web_image_holds_no_torch() -> None:
    made = stages()
    for name in ("web", "build", "runtime"):
        assert "torch.txt" not in made[name][1]
        assert "worker.txt" not in made[name][1]
    assert "COPY --from=build /opt/venv" in made["web"][1]
    assert "torch.txt" in made["build-worker"][1]
    assert "COPY --from=build-worker /opt/venv" in made["worker"][1]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_images_run_as_an_ordinary_user_and_tell_their_health(name: str) -> None:
    base, instructions = stages()[name]
    assert base == "runtime"
    assert "USER potluck" in instructions
    assert "HEALTHCHECK" in instructions


def test_what_the_images_copy_exists() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
