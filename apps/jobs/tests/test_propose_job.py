"""Proposing: who may, on what, with which configuration."""

from typing import Any

import pytest

from apps.datasets.models import Version
from apps.errors import RuleError
from apps.jobs import actions
from apps.jobs.models import TrainingJob
from apps.jobs.problems import SENTENCES
from apps.jobs.tests.stage import QUICK, make_version
from apps.state.models import Event
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


def test_the_sentences_are_those_of_training() -> None:
    assert {code: SENTENCES[code] for code in THEIRS if code in SENTENCES} == {
        code: text for code, text in THEIRS.items() if code != "json_invalid"
    }
