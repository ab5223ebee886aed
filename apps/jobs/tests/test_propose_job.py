"""Proposing: who may, on what, with which configuration."""

import ast
from pathlib import Path
from typing import Any, get_args

import pytest

import training.config
from apps.datasets.models import Version
from apps.errors import RuleError
from apps.jobs import actions
from apps.jobs.models import TrainingJob
from apps.jobs.problems import SENTENCES
from apps.jobs.reasons import SENTENCES as REASONS
from apps.jobs.tests.stage import QUICK, make_version
from apps.state.models import Event
from training.errors import Code
from training.explain import SENTENCES as THEIRS


def refused(version: Version, by: Any, config: Any, title: str = "a job") -> RuleError:
    with pytest.raises(RuleError) as caught:
        actions.propose_job(version, by, title, config)
    assert not TrainingJob.objects.exists()
    return caught.value


def test_a_contributor_proposes(version: Version, cast: Any) -> None:
    job = actions.propose_job(version, cast.ben, "  more \n epochs ", QUICK)
    assert (job.status, job.title, job.member) == ("proposed", "more epochs", cast.ben)
    assert job.config["optimizer"]["kind"] == "adamw"
    assert job.config["schedule"]["kind"] == "one_cycle", "defaults are written down"
    assert len(job.config_sha256) == 64
    assert job.plan["parameters"] > 0
    assert job.plan["samples"] == {"train": 80, "validation": 10, "test": 10}
    assert [event.became for event in Event.objects.about(job)] == ["proposed"]


def test_the_same_configuration_has_the_same_hash(version: Version, cast: Any) -> None:
    spelled = QUICK | {"schedule": {"kind": "one_cycle"}, "seed": 7}
    jobs = [actions.propose_job(version, cast.ben, "a", config) for config in (QUICK, spelled)]
    assert jobs[0].config_sha256 == jobs[1].config_sha256


@pytest.mark.parametrize("status", ["building", "draft", "retired", "failed", "discarded"])
def test_only_approved_versions(dataset: Any, cast: Any, status: str) -> None:
    error = refused(make_version(dataset, cast.ada, status=status), cast.ben, QUICK)
    assert (error.code, error.status) == ("version_not_approved", 409)
    assert error.facts["state"] == status
    assert error.message.endswith(".")


@pytest.mark.parametrize("who", ["dana", "otto"])
def test_who_may(version: Version, cast: Any, who: str) -> None:
    by = getattr(cast, who)
    if who == "otto":
        assert actions.propose_job(version, by, "the operator may", {}).member == by
        return
    assert refused(version, by, {}).code == "role_required"


@pytest.mark.parametrize(
    ("config", "field", "says"),
    [
        ({"optimizer": {"kind": "sgd", "learning_rate": -1}}, "optimizer.learning_rate", "greater"),
        ({"optimizer": {"kind": "magic"}}, "optimizer.kind", "one of"),
        ({"epochs": 0}, "epochs", "at least 1"),
        ({"epochs": "ten"}, "epochs", "whole number"),
        ({"code": "import os"}, "code", "no field"),
        ({"seed": 2**31}, "seed", "at most"),
        ({"augmentation": {"flip": True}}, "augmentation.flip", "mirrored"),
        ({"optimizer": {"kind": "sgd", "learning_rate": float("nan")}}, "config", ""),
    ],
)
def test_a_bad_configuration_names_its_field(
    version: Version, cast: Any, config: Any, field: str, says: str
) -> None:
    error = refused(version, cast.ben, config)
    assert (error.code, error.status) == ("invalid_config", 400)
    if field != "config":
        assert says in " ".join(error.facts["errors"][field])


READS_TEXTS: dict[str, Any] = {"model": {"kind": "rnn"}}


def test_texts_are_trained_on_by_what_reads_them(texts: Version, cast: Any) -> None:
    job = actions.propose_job(texts, cast.ben, "a first look", READS_TEXTS)
    assert job.config["text"]["tokenizer"] == "bpe"
    assert "image" not in job.config
    assert job.plan["parameters"] > 0


def test_a_model_must_fit_what_the_dataset_holds(
    version: Version, texts: Version, cast: Any
) -> None:
    for held, config, kinds in (
        (texts, {}, "rnn, transformer"),
        (version, READS_TEXTS, "cnn, resnet, vit"),
    ):
        error = refused(held, cast.ben, config)
        assert error.code == "invalid_config"
        assert kinds in error.facts["errors"]["model.kind"][0]


def test_no_more_devices_than_a_worker_has(version: Version, cast: Any, settings: Any) -> None:
    error = refused(version, cast.ben, {"devices": 2})
    assert "1 device" in error.facts["errors"]["devices"][0]
    settings.JOB_DEVICES = 2
    assert actions.propose_job(version, cast.ben, "two", {"devices": 2}).config["devices"] == 2


def test_what_sampling_draws_is_planned(dataset: Any, cast: Any) -> None:
    counts = {"cat": {"train": 400, "test": 5}, "dog": {"train": 100, "test": 5}}
    version = make_version(dataset, cast.ada, counts=counts)
    steps = [
        actions.propose_job(version, cast.ben, each, QUICK | {"sampling": each}).plan["steps"]
        for each in ("undersample", "none", "oversample")
    ]
    assert steps == [6 * samples // 16 for samples in (192, 496, 800)]


def test_every_problem_at_once(version: Version, cast: Any) -> None:
    error = refused(version, cast.ben, {"epochs": 0, "batch_size": 1})
    assert error.facts["errors"].keys() == {"epochs", "batch_size"}


@pytest.mark.parametrize("title", ["", "  ", "x" * 121])
def test_a_title_is_needed(version: Version, cast: Any, title: str) -> None:
    assert refused(version, cast.ben, {}, title).code == "invalid_title"


def test_a_version_with_nothing_to_learn(dataset: Any, cast: Any) -> None:
    version = make_version(
        dataset, cast.ada, counts={"cat": {"train": 1}}, classes=[{"name": "cat"}]
    )
    assert refused(version, cast.ben, {}).code == "nothing_to_train"


def rules_between_fields() -> dict[str, str]:
    """{code: sentence} of every call of `refuse` in training's configuration."""
    found = {}
    for path in Path(training.config.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "refuse":
                _field, code, sentence = node.args
                found[ast.literal_eval(code)] = ast.literal_eval(sentence)
    return found


def test_the_sentences_are_those_of_training() -> None:
    theirs = THEIRS | rules_between_fields()
    del theirs["json_invalid"]  # what comes here was JSON before
    assert theirs == SENTENCES


def test_every_code_of_training_has_a_reason() -> None:
    assert set(get_args(Code)) <= REASONS.keys()
