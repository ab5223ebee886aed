"""Scores against two independent implementations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    precision_recall_fscore_support,
)
from sklearn.metrics import (
    confusion_matrix as sk_confusion,
)
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

from training.metrics import confusion_matrix, scores

CLASSES = 5
NAMES = [f"class {number}" for number in range(CLASSES)]
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_agrees_with_scikit_learn_and_torchmetrics(pairs):
    labels, predicted = np.array(pairs, dtype=np.int64).T
    confusion = confusion_matrix(labels, predicted, CLASSES)
    assert (confusion == sk_confusion(labels, predicted, labels=range(CLASSES))).all()
    found = scores(confusion, NAMES)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(
        f1_score(labels, predicted, average="macro", zero_division=0)
    )
    ours = [list(found["per_class"][name].values()) for name in NAMES]
    theirs = precision_recall_fscore_support(
        labels, predicted, labels=range(CLASSES), zero_division=0
    )
    assert np.allclose(np.array(ours).T, np.array(theirs))
    target, guess = torch.from_numpy(labels), torch.from_numpy(predicted)
    macro = multiclass_f1_score(guess, target, CLASSES, average="macro")
    micro = multiclass_accuracy(guess, target, CLASSES, average="micro")
    assert found["macro_f1"] == pytest.approx(float(macro), abs=1e-6)
    assert found["accuracy"] == pytest.approx(float(micro), abs=1e-6)


def test_by_hand():
    confusion = confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    found = scores(confusion, ["a", "b", "c"])
    assert found["accuracy"] == 0.75
    assert found["support"] == 4
    assert found["per_class"]["a"] == pytest.approx(
        {"precision": 1, "recall": 2 / 3, "f1": 0.8, "support": 3}
    )
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)  # c occurs nowhere


def test_nothing_scores_nothing():
    assert scores(np.zeros((2, 2), np.int64), ["a", "b"])["accuracy"] == 0
