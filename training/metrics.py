"""Scores of a classifier, from whole numbers in a confusion matrix. Pure functions over arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def confusion_matrix(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> Counts:
    """Counts, classes × classes: row = true class, column = predicted class."""
    flat = np.bincount(labels * classes + predicted, minlength=classes**2)
    return flat.reshape(classes, classes).astype(np.int64)


def scores(confusion: Counts, classes: list[str]) -> dict[str, Any]:
    """Accuracy, macro-F1, support, and per class precision, recall, F1 and support.

    What nobody predicted has precision 0, what nobody was has recall 0. Macro-F1 is the mean over
    the classes that occur among labels or predictions (Sokolova and Lapalme 2009, as scikit-learn
    and torchmetrics count it).
    """
    right = np.diagonal(confusion)
    support, predicted = confusion.sum(1), confusion.sum(0)
    precision, recall = _ratio(right, predicted), _ratio(right, support)
    f1 = _ratio(2 * right, support + predicted)
    occurs = (support + predicted) > 0
    total = int(support.sum())
    return {
        "accuracy": float(right.sum() / total) if total else 0.0,
        "macro_f1": float(f1[occurs].mean()) if total else 0.0,
        "support": total,
        "per_class": {
            name: {
                "precision": float(precision[number]),
                "recall": float(recall[number]),
                "f1": float(f1[number]),
                "support": int(support[number]),
            }
            for number, name in enumerate(classes)
        },
    }


def _ratio(part: Counts, whole: Counts) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
