"""Promises about the sources themselves."""

import ast
import json
from pathlib import Path

import pytest

from training.__main__ import main

ROOT = Path(__file__).parents[1]
SOURCES = sorted(ROOT.rglob("*.py"))
UNPICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_ever_unpickled(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not UNPICKLERS & {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in UNPICKLERS
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save")}
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle"


def test_files_stay_short():
    assert not [path.name for path in SOURCES if len(path.read_text().splitlines()) > 400]


def test_the_loop_fits_in_a_head():
    assert len((ROOT / "engine.py").read_text().splitlines()) <= 300


# ---------------------------------------------------------------------------- command line


def test_schema_is_json(capsys):
    assert main(["schema"]) == 0
    assert "model" in json.loads(capsys.readouterr().out)["properties"]


def test_default_can_be_planned(capsys, tmp_path):
    assert main(["default"]) == 0
    (tmp_path / "config.json").write_text(capsys.readouterr().out)
    assert main(["plan", str(tmp_path / "config.json"), "--classes", "10", "--train", "900"]) == 0
    assert json.loads(capsys.readouterr().out)["steps_per_epoch"] == 14


def test_plan_explains_a_wrong_configuration(capsys, tmp_path):
    (tmp_path / "config.json").write_text('{"epochs": 0}')
    assert main(["plan", str(tmp_path / "config.json"), "--classes", "10", "--train", "900"]) == 2
    assert capsys.readouterr().err == "epochs: Must be at least 1.\n"
    (tmp_path / "config.json").write_text("{}")
    assert main(["plan", str(tmp_path / "config.json"), "--classes", "1", "--train", "900"]) == 2
    assert "two classes" in capsys.readouterr().err


def test_run_wants_a_folder(capsys, tmp_path):
    assert main(["run", str(tmp_path / "nowhere")]) == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "plan", "schema", "default", "spawner"])
def test_every_command_has_help(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert command in capsys.readouterr().out
