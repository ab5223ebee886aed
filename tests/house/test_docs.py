"""The guides say what the code does: each list in docs/ against the code that it describes."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from apps.datasets import blobs
from apps.datasets.actions import building, relabelling
from apps.datasets.actions.naming import MAX_CLASSES
from apps.datasets.actions.people import INVITATION_DAYS
from apps.datasets.actions.reviewing import MAX_DECISIONS
from apps.datasets.actions.shaping import COMMAND_KEYS, add_class
from apps.datasets.ingest.folders import SPLIT_FOLDERS
from apps.datasets.ingest.manifest import COLUMNS
from apps.datasets.manifest import SCHEMA as MANIFEST
from apps.datasets.manifest_problems import SENTENCES as MANIFEST_PROBLEMS
from apps.datasets.models import Receipt, Review, Version, contribution
from apps.datasets.receipts import FIXES, SENTENCES
from apps.datasets.release import ACCEPTS, TITLES
from apps.datasets.tests.cast import make_image
from apps.jobs.api import POINTS
from apps.jobs.models import Artifact, TrainingJob
from apps.jobs.problems import SENTENCES as PROBLEMS
from apps.jobs.reasons import SENTENCES as REASONS
from apps.jobs.scores import NAMES as SCORES
from apps.members.actions import MAX_TOKENS
from config import api, health
from training import metrics, recipes
from training.config import LARGEST_LAYER, MOST_PATCHES, SMALLEST_NORMED_BATCH, JobConfig
from training.config.job import LEAST_SIDES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SCHEMA = JobConfig.model_json_schema()
CONFIG_PARTS = {"JobConfig": SCHEMA, **SCHEMA["$defs"]}
# Each raises or returns a refusal under the code that is its first argument.
REFUSING = {"RuleError", "forbidden", "invalid", "no"}
FRAMEWORK_CODES = {
    "not_authenticated", "authentication_failed", "permission_denied", "method_not_allowed",
    "parse_error", "unsupported_media_type", "throttled",
}  # fmt: skip
STATUSES = {"RuleError": 409, "forbidden": 403, "invalid": 400}
# These never reach a client; the guide gives them a dash for a status.
BETWEEN_WORKERS = {"claim_lost", "late_attempt"}


def guide(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its own or a higher level."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.M | re.S)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The tables in a text: {word in code marks in the first cell: the other cells}.

    A first cell with several such words gives each of them a row.
    """
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", first), others)
    return found


def calls(paths: Iterator[Path], wanted: Callable[[ast.Call], bool]) -> Iterator[ast.Call]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and wanted(node):
                yield node


def sources(room: str) -> Iterator[Path]:
    return (path for path in (ROOT / room).rglob("*.py") if "tests" not in path.parts)


# ---------------------------------------------------------------------------- settings


def _reads_environment(node: ast.Call) -> bool:
    method = node.func
    if not isinstance(method, ast.Attribute) or not isinstance(method.value, ast.Name):
        return False
    return method.value.id == "env" and bool(node.args) and isinstance(node.args[0], ast.Constant)


def variables() -> dict[str, ast.expr | None]:
    """{name: its default} of what settings.py reads."""
    found: dict[str, ast.expr | None] = {}
    for node in calls(iter([ROOT / "platform/config/settings.py"]), _reads_environment):
        name = node.args[0]
        assert isinstance(name, ast.Constant)
        default = {word.arg: word.value for word in node.keywords}.get("default")
        found[name.value] = default
    return found


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = rows(section(guide("operators"), "## Environment variables"))
    assert documented.keys() == variables().keys()


def test_the_defaults_of_settings_are_the_documented_ones() -> None:
    documented = rows(section(guide("operators"), "## Environment variables"))
    for name, default in variables().items():
        if default is None or name in {"VAR_DIR", "SECRET_KEY"}:  # made when the site starts
            continue
        value = eval(compile(ast.Expression(default), name, "eval"))  # noqa: S307 (our own source)
        text = ",".join(value) if isinstance(value, list) else str(value)
        if isinstance(value, bool):
            text = str(int(value))
        shown = documented[name][0]
        assert shown == "empty" if text == "" else f"`{text}`" in shown, (name, shown, text)


def test_what_compose_wants_is_documented() -> None:
    offered = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    documented = rows(section(guide("operators"), "## Production: docker compose"))
    assert set(offered) == documented.keys()


def test_the_processes_of_make_run_and_their_queues_are_documented() -> None:
    procfile = (ROOT / "Procfile").read_text()
    text = guide("operators")
    processes = re.findall(r"^(\w+):", procfile, flags=re.MULTILINE)
    assert rows(section(text, "## One machine: make run")).keys() >= set(processes)
    queues = re.findall(r" -Q (\w+)", procfile)
    assert rows(section(text, "## Workers, queues, leases")).keys() == set(queues)


def test_commands_are_documented() -> None:
    ours = {name for name, app in get_commands().items() if app.startswith("apps.")}
    documented = rows(section(guide("operators"), "## Commands"))
    assert {name.split()[0] for name in documented} == ours


def test_folders_under_var_dir_are_documented() -> None:
    documented = rows(section(guide("operators"), "### Where things lie"))
    folders = "BLOB_DIR STAGING_DIR RUNS_DIR PACKS_DIR STATIC_ROOT EMAIL_FILE_PATH".split()
    names = {f"{Path(getattr(settings, folder)).name}/" for folder in folders}
    assert names | {"secret_key", "operator", "sample-done", "sample-members"} <= documented.keys()


def test_health_addresses_are_documented_with_what_they_look_at() -> None:
    documented = rows(section(guide("operators"), "## Logs and health"))
    assert {resolve(address).func for address in documented} == {health.healthz, health.readyz}
    assert re.findall(r'"(\w+)": true', documented["/readyz"][0]) == list(health.CHECKS)


# ---------------------------------------------------------------------------- data


@pytest.mark.parametrize(
    ("heading", "codes"),
    [("### Reasons", SENTENCES), ("### Fixes", FIXES), ("### Problems", MANIFEST_PROBLEMS)],
    ids=["reasons", "fixes", "problems"],
)
def test_every_receipt_has_a_cure(heading: str, codes: dict[str, Any]) -> None:
    documented = rows(section(guide("contributors"), heading))
    assert documented.keys() == codes.keys()
    assert all(len(cells) == 2 and cells[1] for cells in documented.values())


def test_outcomes_of_files_and_codes_of_their_refusals_are_documented() -> None:
    text = section(guide("contributors"), "## Receipts")
    assert set(re.findall(r"^\| (\w[\w ]+) \| ", text, re.M)) - {"outcome", "code"} == {
        str(label) for label in Receipt.Outcome.labels
    }
    refused = set(map(_code, calls(sources("apps"), lambda node: _named(node) == "Refused")))
    assert refused - {""} <= rows(text).keys()


def test_folders_that_name_a_split_are_documented() -> None:
    documented = rows(section(guide("contributors"), "## Folders name class and split"))
    assert {folder: cells[0] for folder, cells in documented.items()} == SPLIT_FOLDERS


def test_columns_of_a_contributions_manifest_are_documented() -> None:
    documented = rows(section(guide("contributors"), "## Manifest").partition("### ")[0])
    for name, (first, *others) in COLUMNS.items():
        assert name == first
        assert re.findall(r"`(\w+)`", documented[name][0]) == others


def test_the_table_of_licences_is_that_of_the_release_check() -> None:
    documented = rows(section(guide("contributors"), "## Licences"))
    assert documented.keys() == {str(licence) for licence in ACCEPTS}
    for licence, accepted in ACCEPTS.items():
        cell = documented[str(licence)][0]
        named = set(re.findall(r"[A-Z][\w.-]+\w", cell))
        known = {str(each) for each in accepted}
        everything = {str(each) for each in ACCEPTS}
        assert (everything - named if cell.startswith("all but") else named) == known, licence


def test_reasons_and_command_keys_of_reviewing_are_documented() -> None:
    text = guide("reviewers")
    assert rows(section(text, "## Reasons")).keys() == set(Review.Reason.values)
    documented = rows(section(text, "## Keys"))
    scripts = {
        name: (ROOT / f"platform/static/js/{name}.js").read_text()
        for name in ("grid", "review", "label")
    }
    moves = scripts["grid"].partition("const moves = {")[2].partition("};")[0]
    arrows = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}
    assert {
        arrows.get(key, key) for key in re.findall(r"^  (\w+):", moves, re.M)
    } <= documented.keys()
    others = {" ": "Space", "Escape": "Esc", "a": "Ctrl+A", "Enter": "Enter"}
    pressed = set(re.findall(r'event\.key [!=]== "([^"]+)"', "".join(scripts.values())))
    assert {others[key] for key in pressed} <= documented.keys()
    commands = {name: _commands(scripts[name]) for name in ("review", "label")}
    assert commands["review"] | commands["label"] == COMMAND_KEYS
    assert {key.upper() for key in commands["review"]} <= documented.keys()
    labelling = rows(section(guide("contributors"), "### Keys"))
    assert {key.upper() for key in commands["label"]} <= labelling.keys()


def _commands(script: str) -> set[str]:
    commands = script.partition("const commands = {")[2].partition("\n};")[0]
    return set(re.findall(r'^  "?([\w?/+-])"?: ', commands, re.M))


def test_release_checks_and_states_of_versions_are_documented() -> None:
    text = guide("versions")
    assert rows(section(text, "## Release checks")).keys() == TITLES.keys()
    documented = rows(section(text, "## Steps"))
    for status, targets in Version.MOVES.items():
        assert set(re.findall(r"\w+", documented[status][1])) == set(targets), status


def test_columns_of_the_manifest_are_documented_in_their_order() -> None:
    downloads = section(guide("versions"), "## Downloads")
    (manifest,) = re.findall(r"^\| manifest .*$", downloads, re.M)
    assert re.findall(r"`(\w+)`", manifest.rpartition(":")[2]) == MANIFEST.names


@pytest.fixture
def frozen(dataset: Any, cast: Any, contribute: Any, approve: Any, freeze: Any) -> Any:
    """A small version with a class whose name is not ASCII."""
    add_class(dataset, cast.ada, "狐 “fox”")
    files = {f"{['cat', '狐 “fox”'][i % 2]}/{i}.png": make_image(i) for i in range(12)}
    approve(list(contribute(files).samples.all()))
    return freeze()


def test_the_recipe_of_the_digest_gives_the_digest(frozen: Any, tmp_path: Path) -> None:
    (recipe,) = re.findall(r"^```python\n(.*?)^```", guide("versions"), re.M | re.S)
    imported = set(re.findall(r"^import (\w+)", recipe, re.M))
    assert imported == {"hashlib", "json", "pyarrow", "sys"}
    (tmp_path / "digest.py").write_text(recipe)
    (tmp_path / "manifest.parquet").write_bytes(blobs.read(frozen.manifest_sha256))
    command = [sys.executable, "digest.py", "manifest.parquet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert frozen.digest
    assert done.stdout.strip() == frozen.digest


# ---------------------------------------------------------------------------- jobs


def _bounds(field: dict[str, Any]) -> Iterator[str]:
    """What a table has to name of a field's bounds."""
    bounding = "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf maxItems const".split()
    items = field.get("items", {})
    yield from (str(each[word]) for each in (field, items) for word in bounding if word in each)
    yield from (str(choice) for choice in field.get("enum", []))
    yield from (ref["$ref"].rpartition("/")[2] for ref in field.get("oneOf", []))
    yield from (each["$ref"].rpartition("/")[2] for each in (field, items) if "$ref" in each)


@pytest.mark.parametrize("part", CONFIG_PARTS)
def test_every_field_of_a_job_is_documented_with_its_bounds(part: str) -> None:
    documented = rows(section(guide("members"), f"### {part}"))
    fields = CONFIG_PARTS[part]["properties"]
    assert documented.keys() == fields.keys()
    for name, field in fields.items():
        default, bounds, meaning = documented[name]
        missing = [
            word
            for word in _bounds(field)
            if not re.search(rf"(?<![\w.]){re.escape(word)}\b", bounds)
        ]
        assert not missing, (name, missing)
        assert meaning, name
        value = field.get("default")
        if not isinstance(value, dict) and not (isinstance(value, list) and value[0] != 64):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            assert default == f"`{text}`", (name, default)


def test_rules_states_waits_failures_and_files_of_jobs_are_documented() -> None:
    text = guide("members")
    between_fields = {
        ast.literal_eval(node.args[1])
        for node in calls(sources("training/config"), lambda node: _named(node) == "refuse")
    }
    assert len(between_fields) > 10
    assert between_fields <= PROBLEMS.keys()
    said = set(re.findall(r"`(\w+)` \|$", section(text, "### Rules between fields"), re.M))
    assert said == between_fields | {"invalid_config"}
    states = section(text, "## States")
    tables = states.partition("### What a wait means")
    assert rows(tables[0]).keys() == set(TrainingJob.Status.values)
    waits = calls(
        iter([ROOT / "apps/jobs/actions/waiting.py"]), lambda node: _named(node) == "Waiting"
    )
    assert rows(section(text, "### What a wait means")).keys() == set(map(_code, waits))
    # Why an attempt ended, or a person's decision, is no failure of the job.
    others = {"lease_expired", "killed", "released", "cancelled", "rejected"}
    assert rows(section(text, "### Why a job failed")).keys() == REASONS.keys() - others
    assert rows(section(text, "## Files")).keys() == set(Artifact.Role.values)


def test_recipes_and_scores_are_documented() -> None:
    text = guide("members")
    assert rows(section(text, "## Recipes")).keys() == set(recipes.names())
    labels, odds = np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])
    found = metrics.scores(labels, odds, ["cat", "dog"], ["here", "there"])
    assert rows(section(text, "## Scores")).keys() == found.keys()
    assert {key for key in found if key in SCORES} == SCORES.keys()
    assert f"in {metrics.BINS} bins" in text
    assert f"the {metrics.MOST_SOURCES} largest" in text


# ---------------------------------------------------------------------------- the API


def _named(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _code(node: ast.Call) -> str:
    """The literal code of a refusal; empty where it is handed on in a variable."""
    first = node.args[0] if node.args else None
    return str(first.value) if isinstance(first, ast.Constant) else ""


def refusals() -> set[str]:
    found = set(map(_code, calls(sources("apps"), lambda node: _named(node) in REFUSING)))
    handlers = iter([ROOT / "platform/config/handlers.py"])
    found |= set(map(_code, calls(handlers, lambda node: _named(node) == "RuleError")))
    for node in calls(sources("platform/config"), lambda node: _named(node) == "_error"):
        code = node.args[1]
        assert isinstance(code, ast.Constant)
        found.add(str(code.value))
    return found - {""}


def test_every_code_of_a_refusal_is_documented_and_no_other() -> None:
    documented = rows(section(guide("api"), "## Errors")).keys()
    assert documented - FRAMEWORK_CODES == refusals() - FRAMEWORK_CODES
    assert documented >= FRAMEWORK_CODES


def test_the_statuses_of_refusals_are_the_documented_ones() -> None:
    documented: dict[str, set[str]] = {}
    for codes, status in re.findall(r"^\| (`.*?`) \| (\d+|–) \|", guide("api"), re.M):
        for code in re.findall(r"`(\w+)`", codes):
            documented.setdefault(code, set()).add(status)
    paths = chain(sources("apps"), sources("platform/config"))
    for node in calls(paths, lambda node: _named(node) in STATUSES):
        if (code := _code(node)) and code not in BETWEEN_WORKERS:
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            expected = given.get("status", str(STATUSES[_named(node)]))
            assert documented[code] == {expected}, code


def test_what_makes_one_decision_of_many_refused_is_documented() -> None:
    table = section(guide("api"), "### Reviews").partition("In `refused`")[2]
    decisions = calls(sources("apps/datasets"), lambda node: _named(node) == "no")
    assert rows(table).keys() == set(map(_code, decisions))


def test_lists_are_documented_with_their_filters() -> None:
    for address, (filters,) in rows(section(guide("api"), "## Lists")).items():
        uuid = "00000000-0000-0000-0000-000000000000"
        found = resolve("/api/" + address.replace("SLUG", "pets").replace("UUID", uuid))
        source = inspect.getsource(getattr(found.func, "view_class"))  # noqa: B009 (DRF adds it)
        taken = set(re.findall(r'OpenApiParameter\("(\w+)"', source))
        assert set(re.findall(r"`(\w+)`", filters)) == taken, address


def test_every_address_in_the_recipes_exists() -> None:
    text = guide("api")
    paths = re.findall(r'(?:call|json) "\$\w+" [A-Z]+ "?([^$\s"?][^\s"?]*)', text)
    paths += re.findall(r'until_field "([^"]+)"', text)
    assert len(paths) > 15
    for path in paths:
        one = re.sub(r"\$(batch|job)", "0" * 8 + "-0000" * 3 + "-" + "0" * 12, path)
        for name in ("number", "sample", "change"):
            one = one.replace(f"${name}", "1")
        try:
            resolve(f"/api/{one}")
        except Resolver404:
            pytest.fail(f"api.md sends something to /api/{path}, which does not exist")


# ---------------------------------------------------------------------------- all of them


def test_the_index_names_every_guide() -> None:
    named = set(re.findall(r"\]\((\w+\.md)\)", guide("README")))
    here = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert here <= named


def test_tables_are_whole_and_name_each_thing_once() -> None:
    for path in DOCS.glob("*.md"):
        for table in re.findall(r"(?:^\|.*\n)+", path.read_text(), re.M):
            head, line, *body = table.splitlines()
            assert re.fullmatch(r"\|(---\|)+", line), (path.name, head)
            firsts = [row.split(" | ")[0] for row in body]
            assert len(firsts) == len(set(firsts)), (path.name, head)


def test_links_between_guides_lead_somewhere() -> None:
    for path in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)", path.read_text()):
            assert (DOCS / link).exists(), (path.name, link)


def test_limits_in_the_guide_for_contributors_are_the_defaults() -> None:
    text = section(guide("contributors"), "## Limits")
    assert (
        f"{settings.MAX_IMAGE_BYTES // 2**20} MiB, {settings.MAX_IMAGE_PIXELS // 10**6} million"
        in text
    )
    assert (
        f"{settings.MAX_ARCHIVE_BYTES // 2**30} GiB, {settings.MAX_ARCHIVE_FILES:,} files" in text
    )
    assert f"{settings.MAX_ARCHIVE_UNPACKED_BYTES // 2**30} GiB unpacked" in text
    assert f"at most {settings.MAX_ARCHIVE_RATIO} times" in text
    manifest = f"{settings.MAX_MANIFEST_BYTES // 2**20} MiB, {settings.MAX_MANIFEST_ROWS:,} rows"
    assert f"| one manifest | {manifest} |" in text
    assert manifest.replace(",", " and", 1) in guide("contributors")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("api", f"You can have {MAX_TOKENS}"),
        ("api", f"you have {MAX_TOKENS} tokens"),
        ("api", f"ends after {settings.REST_KNOX['TOKEN_TTL'].days} days"),
        ("api", f"at most {MAX_DECISIONS:,} in a request"),
        ("api", f"most {POINTS:,}; send `next`"),
        ("api", f"in pages of {settings.REST_FRAMEWORK['PAGE_SIZE']}"),
        ("api", f"may be up to {api.KeysetPagination.max_page_size}"),
        ("api", f"more than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MiB,"),
        ("api", f"{settings.DATA_UPLOAD_MAX_NUMBER_FILES} files"),
        ("api", f"or {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} fields"),
        ("api", f"a new dataset names at most {MAX_CLASSES:,};"),
        ("contributors", f"holds for {INVITATION_DAYS} days"),
        ("members", f"holds at most {LARGEST_LAYER:,} weights"),
        ("members", f"`batch_size` of at least {SMALLEST_NORMED_BATCH}"),
        ("members", f"at most {MOST_PATCHES:,} patches"),
        ("members", f"`image.size` of at least {LEAST_SIDES['small']}, with the stem `whitening`"),
        ("members", f"`whitening` {LEAST_SIDES['whitening']}, with `large` {LEAST_SIDES['large']}"),
        ("operators", f"{MAX_TOKENS} for a member, {settings.REST_KNOX['TOKEN_TTL'].days} days"),
        ("operators", f"| uploads being read | {contribution.CLAIM_SECONDS} s |"),
        ("operators", f"| a version being built | {building.CLAIM_SECONDS} s,"),
        ("operators", f"builds it anew after {building.CLAIM_SECONDS} s"),
        ("operators", f"| a change of classes | {relabelling.CLAIM_SECONDS} s,"),
        ("operators", f"samples that are left after {relabelling.CLAIM_SECONDS} s"),
    ],
)
def test_numbers_in_sentences_are_those_of_the_code(name: str, sentence: str) -> None:
    assert sentence in " ".join(guide(name).split())
