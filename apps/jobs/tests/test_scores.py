"""What a finished job's page says of its result."""

from typing import Any

import pytest
from django.urls import reverse

from apps.datasets.models import Version
from apps.jobs import actions
from apps.jobs.actions import Ending
from apps.jobs.models import TrainingJob
from apps.jobs.scores import pruned, scores
from apps.jobs.tests.stage import QUICK_TEXTS, WEIGHED, claim, make_finished, measured


def finished(version: Version, cast: Any, result: dict[str, Any]) -> TrainingJob:
    return make_finished(version, cast.ben, cast.ada, result)


def page_of(job: TrainingJob, client: Any) -> str:
    answer = client.get(reverse("job", args=[job.uuid]))
    assert answer.status_code == 200
    page: str = answer.content.decode()
    assert "style=" not in page
    return page


def test_every_score_with_what_it_says(version: Version, cast: Any, browser_of: Any) -> None:
    test = measured()
    views = test | {"accuracy": 0.4321}
    found = {"test": test, "validation": measured(30), "test_tta": views}
    page = page_of(finished(version, cast, {"metrics": found}), browser_of(cast.dana))
    for key in ("balanced_accuracy", "top_5_accuracy", "brier_score", "expected_calibration_error"):
        assert f"{test[key]:.4f}" in page, key
    for words in ("Calibration error", "Validation", "ward 2", "class 11", "0.4321", "<svg"):
        assert words in page, words
    assert "Before and after pruning" not in page


def test_one_source_has_no_table(version: Version, cast: Any) -> None:
    assert (
        scores(finished(version, cast, {"metrics": {"test": measured(sources=1)}}))["sources"] == []
    )


def test_the_weakest_source_comes_first(version: Version, cast: Any) -> None:
    found = scores(finished(version, cast, {"metrics": {"test": measured()}}))["sources"]
    assert found == sorted(found, key=lambda row: row["accuracy"])
    assert len(found) == 3


def test_the_diagram_stays_within_its_frame(version: Version, cast: Any) -> None:
    bins = scores(finished(version, cast, {"metrics": {"test": measured()}}))["reliability"]
    assert sum(each["count"] for each in bins) == 60
    for each in bins:
        assert 0 <= each["x"] <= each["x"] + each["width"] <= 300
        assert each["y"] + each["height"] == pytest.approx(200)


def test_before_and_after_pruning(version: Version, cast: Any, browser_of: Any) -> None:
    after = WEIGHED | {"parameters": 400, "validation_accuracy": None}
    result = {"pruning": {"before": WEIGHED, "after": after}, "metrics": {"test": measured()}}
    job = finished(version, cast, result)
    rows = {row["key"]: (row["before"], row["after"]) for row in pruned(job)}
    assert rows["parameters"] == (1000, 400)
    assert "validation_accuracy" not in rows, "there is no validation split"
    assert "Milliseconds for 64 samples" in page_of(job, browser_of(cast.dana))


def test_sealed_test_labels_show_validation(version: Version, cast: Any, browser_of: Any) -> None:
    job = finished(version, cast, {"metrics": {"test": None, "validation": measured()}})
    assert "labels of this version are sealed" in page_of(job, browser_of(cast.dana))


def test_a_result_of_an_earlier_release(version: Version, cast: Any, browser_of: Any) -> None:
    old = {"accuracy": 0.75, "macro_f1": 0.7, "per_class": {}}
    job = finished(version, cast, {"metrics": {"test": old}})
    page = page_of(job, browser_of(cast.dana))
    assert "0.7500" in page
    assert "Calibration error" not in page


def test_nothing_is_said_of_images_where_there_are_texts(
    texts: Version, cast: Any, browser_of: Any
) -> None:
    job = actions.propose_job(texts, cast.ben, "topics", QUICK_TEXTS)
    actions.approve_job(job, cast.ada)
    attempt = claim()
    event = {"seq": 1, "time": 0.0, "kind": "step", "step": 4, "steps": 9, "epoch": 1}
    actions.record_events(attempt, [event | {"samples_per_second": 1234.5, "epochs": 7}])
    page = page_of(job, browser_of(cast.ben))
    assert "epoch 1 of 7" in page
    assert "samples per second" in page
    actions.begin_run(attempt)
    actions.finish_attempt(attempt, Ending("succeeded", result={"metrics": {"test": measured()}}))
    page = page_of(job, browser_of(cast.ben)).partition("<main")[2]
    assert "image" not in page.partition("</main")[0].lower()
