"""Every score against independent implementations, and by hand where those differ or are missing."""

import json

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from torchmetrics.functional import classification as tm
from torchmetrics.functional.text import perplexity

from training import metrics
from training.metrics import confusion_matrix, scores


@st.composite
def answers(draw, least_classes=2, most_classes=14):
    """Labels and probabilities: with ties, impossible classes, absent ones; often one class only."""
    classes = draw(st.integers(least_classes, most_classes))
    samples = draw(st.integers(1, 40))
    known = draw(st.integers(1, classes))
    labels = draw(arrays.arrays(np.int64, samples, elements=st.integers(0, known - 1)))
    weights = draw(arrays.arrays(np.int64, (samples, classes), elements=st.integers(0, 5)))
    weights[weights.sum(1) == 0] = 1
    return labels, (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def named(count):
    return [f"class {number}" for number in range(count)]


def score(labels, probabilities, sources=None):
    found = scores(
        np.asarray(labels, np.int64),
        np.asarray(probabilities, np.float32),
        named(np.shape(probabilities)[1]),
        [None] * len(labels) if sources is None else sources,
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def certain(predicted, classes):
    return np.eye(classes, dtype=np.float32)[predicted]


# ---------------------------------------------------------------------------- right and wrong


@settings(max_examples=60, deadline=None)
@given(answers())
def test_right_and_wrong_agree_with_scikit_learn(given_answers):
    labels, probabilities = given_answers
    classes, predicted = probabilities.shape[1], probabilities.argmax(1)
    found = score(labels, probabilities)
    assert found["support"] == len(labels)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(
        sk.f1_score(labels, predicted, average="macro", zero_division=0)
    )
    # scikit-learn's own balanced accuracy warns of predicted classes that nobody is.
    present = np.unique(labels)
    assert found["balanced_accuracy"] == pytest.approx(
        sk.recall_score(labels, predicted, labels=present, average="macro", zero_division=0)
    )
    ours = [list(found["per_class"][name].values()) for name in named(classes)]
    theirs = sk.precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    assert np.allclose(np.array(ours).T, np.array(theirs))
    confusion = confusion_matrix(labels, predicted, classes)
    assert (confusion == sk.confusion_matrix(labels, predicted, labels=range(classes))).all()


@settings(max_examples=60, deadline=None)
@given(answers())
def test_right_and_wrong_agree_with_torchmetrics(given_answers):
    labels, probabilities = given_answers
    classes = probabilities.shape[1]
    found = score(labels, probabilities)
    # Predicted classes, not probabilities: of equal ones torch promises no order.
    guess, target = torch.from_numpy(probabilities.argmax(1)), torch.from_numpy(labels)
    macro = tm.multiclass_f1_score(guess, target, classes, average="macro")
    micro = tm.multiclass_accuracy(guess, target, classes, average="micro")
    recalls = tm.multiclass_recall(guess, target, classes, average="none")
    assert found["macro_f1"] == pytest.approx(float(macro), abs=1e-6)
    assert found["accuracy"] == pytest.approx(float(micro), abs=1e-6)
    assert found["balanced_accuracy"] == pytest.approx(
        float(recalls[target.unique()].mean()), abs=1e-6
    )
    confusion = confusion_matrix(labels, guess.numpy(), classes)
    assert (confusion == tm.multiclass_confusion_matrix(guess, target, classes).numpy()).all()


@settings(max_examples=60, deadline=None)
@given(answers(least_classes=11))
def test_top_5_agrees_with_scikit_learn_on_ties_too(given_answers):
    labels, probabilities = given_answers
    classes = probabilities.shape[1]
    # Of equal scores scikit-learn puts the last class first: count the classes from the other end.
    theirs = sk.top_k_accuracy_score(
        classes - 1 - labels, probabilities[:, ::-1], k=5, labels=range(classes)
    )
    assert score(labels, probabilities)["top_5_accuracy"] == pytest.approx(theirs)


@settings(max_examples=40, deadline=None)
@given(st.integers(11, 20), st.integers(0, 2**32 - 1))
def test_top_5_agrees_with_torchmetrics_without_ties(classes, seed):
    random = np.random.default_rng(seed)
    labels, probabilities = random.integers(0, classes, 30), random.dirichlet([1.0] * classes, 30)
    theirs = tm.multiclass_accuracy(
        torch.from_numpy(probabilities), torch.from_numpy(labels), classes, "micro", top_k=5
    )
    assert score(labels, probabilities)["top_5_accuracy"] == pytest.approx(float(theirs))


@pytest.mark.parametrize(("classes", "expected"), [(10, None), (11, 0.5)])
def test_top_5_says_something_only_among_many_classes(classes, expected):
    # All alike: the first five are the best five, and only class 4 is one of them.
    assert score([4, 5], np.full((2, classes), 1 / classes))["top_5_accuracy"] == expected


def test_by_hand():
    confusion = confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    found = score([0, 0, 0, 1], certain([0, 0, 1, 1], 3))
    assert found["accuracy"] == 0.75
    assert found["support"] == 4
    assert found["per_class"]["class 0"] == pytest.approx(
        {"precision": 1, "recall": 2 / 3, "f1": 0.8, "support": 3}
    )
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)  # class 2 occurs nowhere
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)


# ---------------------------------------------------------------------------- probabilities


@settings(max_examples=60, deadline=None)
@given(answers())
def test_brier_score_agrees_with_scikit_learn(given_answers):
    labels, probabilities = given_answers
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)
    classes = probabilities.shape[1]
    if classes == 2:  # where scikit-learn wants one column
        theirs = sk.brier_score_loss(labels, exact[:, 1], labels=[0, 1], scale_by_half=False)
    else:
        theirs = sk.brier_score_loss(labels, exact, labels=range(classes))
    found = score(labels, probabilities)["brier_score"]
    assert found == pytest.approx(theirs, abs=1e-6)
    assert 0 <= found <= 2


@settings(max_examples=60, deadline=None)
@given(answers())
def test_likelihood_agrees_with_scikit_learn_and_torchmetrics(given_answers):
    labels, probabilities = given_answers
    softened = (probabilities + 0.01) / (1 + 0.01 * probabilities.shape[1])  # each floors 0 its way
    found = score(labels, softened)["negative_log_likelihood"]
    exact = softened.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)
    theirs = sk.log_loss(labels, exact, labels=range(exact.shape[1]))
    assert found == pytest.approx(theirs, abs=1e-5)
    spread = perplexity(torch.from_numpy(exact).log()[None], torch.from_numpy(labels)[None])
    assert found == pytest.approx(np.log(float(spread)), abs=1e-5)


def test_an_impossible_label_costs_much_but_not_infinitely_much():
    found = score([1, 1], certain([0, 1], 2))
    assert found["negative_log_likelihood"] == pytest.approx(-np.log(np.finfo(np.float32).tiny) / 2)
    assert found["brier_score"] == 1


@settings(max_examples=80, deadline=None)
@given(answers())
def test_reliability_agrees_with_scikit_learn_on_edges_too(given_answers):
    labels, probabilities = given_answers
    right = probabilities.argmax(1) == labels
    confidence = probabilities.max(1).astype(np.float64)
    found = score(labels, probabilities)
    filled = [one for one in found["reliability"] if one["count"]]
    accuracies, confidences = calibration_curve(right, confidence, n_bins=15, pos_label=True)
    assert [one["accuracy"] for one in filled] == pytest.approx(accuracies.tolist())
    assert [one["confidence"] for one in filled] == pytest.approx(confidences.tolist())
    assert len(found["reliability"]) == 15
    assert sum(one["count"] for one in filled) == len(labels)
    empty = [one for one in found["reliability"] if not one["count"]]
    assert all(one == {"count": 0, "confidence": None, "accuracy": None} for one in empty)


@settings(max_examples=80, deadline=None)
@given(answers())
def test_calibration_error_agrees_with_torchmetrics(given_answers):
    labels, probabilities = given_answers
    # On an edge torchmetrics takes the upper bin, Guo et al. and we the lower; of equal probabilities
    # it promises no order. Both are compared above.
    confidence, second = np.sort(probabilities, axis=1)[:, [-1, -2]].T
    places = confidence.astype(np.float64) * 15
    clear = (np.abs(places - np.round(places)) > 1e-4) & (confidence > second)
    assume(clear.any())
    labels, probabilities = labels[clear], probabilities[clear]
    theirs = tm.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(labels), probabilities.shape[1], 15
    )
    found = score(labels, probabilities)["expected_calibration_error"]
    assert found == pytest.approx(float(theirs), abs=1e-5)


def test_calibration_by_hand():
    # Confidences 0.6 (exactly the upper edge of the ninth bin), 0.61, 0.61 and 1.
    rows = [[0.6, 0.4], [0.61, 0.39], [0.39, 0.61], [0, 1]]
    bins = metrics.reliability(np.array([0, 1, 1, 1]), np.array(rows))
    assert [one["count"] for one in bins] == [0] * 8 + [1, 2] + [0] * 4 + [1]
    assert bins[9] == pytest.approx({"count": 2, "confidence": 0.61, "accuracy": 0.5})
    found = metrics.expected_calibration_error(bins)
    assert found == pytest.approx(0.25 * 0.4 + 0.5 * 0.11 + 0)


# ---------------------------------------------------------------------------- sources


@settings(max_examples=60, deadline=None)
@given(answers(), st.data())
def test_each_source_scores_as_if_it_were_alone(given_answers, data):
    labels, probabilities = given_answers
    kinds = st.sampled_from([None, "", "north", "south", "other_sources"])
    sources = data.draw(st.lists(kinds, min_size=len(labels), max_size=len(labels)))
    found = score(labels, probabilities, sources)
    assert found["per_source"].keys() == {source or "" for source in sources}
    for name, ours in found["per_source"].items():
        chosen = np.array([(source or "") == name for source in sources])
        alone = score(labels[chosen], probabilities[chosen])
        assert ours == {key: alone[key] for key in ("accuracy", "balanced_accuracy", "support")}
    assert found["other_sources"] is None


def test_the_smallest_of_very_many_sources_are_one():
    # Source n has n samples; of two equal sizes the earlier name goes first.
    sources = [f"{number:03d}" for number in range(1, 104) for _ in range(number)] + ["a"] * 3
    labels = [int(source in {"001", "002"}) for source in sources]
    found = score(labels, certain([0] * len(labels), 2), sources)
    assert list(found["per_source"]) == [f"{number:03d}" for number in range(103, 3, -1)]
    # 001, 002, 003 and a: 1 + 2 wrong of 1 + 2 + 3 + 3
    assert found["other_sources"] == pytest.approx(
        {"sources": 4, "accuracy": 6 / 9, "balanced_accuracy": 0.5, "support": 9}
    )


def test_samples_without_a_source_take_nobodys_place():
    sources = [str(number) for number in range(100)] + [None, ""]
    found = score([0] * 102, certain([0] * 102, 2), sources)
    assert len(found["per_source"]) == 101
    assert found["per_source"][""]["support"] == 2
    assert found["other_sources"] is None


# ---------------------------------------------------------------------------- borders


def test_nothing_scores_nothing():
    found = score([], np.zeros((0, 12)))
    assert found["accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 0
    assert found["support"] == found["expected_calibration_error"] == found["brier_score"] == 0
    assert found["per_source"] == {}


@pytest.mark.parametrize(
    ("labels", "probabilities", "sources"),
    [
        ([0], [[1.0, 0.0, 0.0]], [None]),  # three columns, two classes
        ([0, 1], [[1.0, 0.0]], [None]),
        ([0], [[1.0, 0.0]], []),
        ([2], [[1.0, 0.0]], [None]),
        ([-1], [[1.0, 0.0]], [None]),  # a sealed label
        ([0], [[3.0, -2.0]], [None]),  # logits
        ([0], [[0.6, 0.6]], [None]),
        ([0], [[float("nan"), 1.0]], [None]),
        ([0], [[float("inf"), float("-inf")]], [None]),
    ],
)
def test_refuses_what_does_not_fit(labels, probabilities, sources):
    with pytest.raises(ValueError, match=r"classes|sources|probabilities"):
        scores(np.array(labels), np.array(probabilities), ["a", "b"], sources)
