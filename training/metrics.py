"""Scores of a classifier: pure functions over arrays, in double precision.

Everywhere: ``labels`` is int64, samples, each a position in ``classes``; ``probabilities`` is float,
samples × classes, each row adding up to 1; what is predicted is the most probable class, of several
the first.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]

TOP = 5
LEAST_CLASSES_FOR_TOP = 11  # with fewer, chance alone is right every second time
BINS = 15  # as many as Guo et al. 2017 use
MOST_SOURCES = 100  # larger ones go first; nobody reads more rows
# What a softmax in float32 cannot write any more it calls 0; its logarithm is taken of this instead.
LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)
SUM_TOLERANCE = 1e-3


def scores(
    labels: Labels,
    probabilities: Probabilities,
    classes: Sequence[str],
    sources: Sequence[str | None],
) -> dict[str, Any]:
    """All scores of one split, ready for JSON; every number is finite, and 0 where no sample is.

    ========================== =====================================================================
    support                    samples
    accuracy                   share that is predicted rightly
    balanced_accuracy          :func:`balanced_accuracy`
    macro_f1                   :func:`macro_f1`
    top_5_accuracy             :func:`top_accuracy`; null with ten classes or fewer
    negative_log_likelihood    :func:`negative_log_likelihood`
    brier_score                :func:`brier_score`
    expected_calibration_error :func:`expected_calibration_error`
    reliability                :func:`reliability`: the bins of that error, for a diagram
    per_class                  {class: precision, recall, f1, support}
    per_source                 :func:`per_source`: {source: accuracy, balanced_accuracy, support}
    other_sources              the sources beyond ``MOST_SOURCES``, as one; null where there are none
    ========================== =====================================================================

    Raises ``ValueError`` where the arguments do not fit one another.
    """
    check_probabilities(probabilities, len(labels), len(classes))
    if len(sources) != len(labels):
        raise ValueError(f"{len(labels)} labels, {len(sources)} sources")
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise ValueError(f"a label is no position in {len(classes)} classes")
    predicted = predict(probabilities)
    counts = count(labels, predicted, len(classes))
    bins = reliability(labels, probabilities)
    many = len(classes) >= LEAST_CLASSES_FOR_TOP
    named, others = per_source(labels, predicted, len(classes), sources)
    return {
        **_summary(counts),
        "macro_f1": macro_f1(counts),
        "top_5_accuracy": top_accuracy(labels, probabilities) if many else None,
        "negative_log_likelihood": negative_log_likelihood(labels, probabilities),
        "brier_score": brier_score(labels, probabilities),
        "expected_calibration_error": expected_calibration_error(bins),
        "reliability": bins,
        "per_class": per_class(counts, classes),
        "per_source": named,
        "other_sources": others,
    }


def check_probabilities(probabilities: Probabilities, samples: int, classes: int) -> None:
    """Raises ``ValueError`` unless these are samples × classes probabilities, rows adding up to 1."""
    if probabilities.shape != (samples, classes):
        raise ValueError(f"{probabilities.shape} is not {samples} samples × {classes} classes")
    # Comparing this way round refuses what is no number, too.
    if not (probabilities >= 0).all():
        raise ValueError("these are no probabilities: one is negative, or no number")
    if not (np.abs(probabilities.sum(1, dtype=np.float64) - 1) <= SUM_TOLERANCE).all():
        raise ValueError("these are no probabilities: a row does not add up to 1")


def predict(probabilities: Probabilities) -> Labels:
    """The most probable class of each sample; of several, the first."""
    found: Labels = probabilities.argmax(1).astype(np.int64)
    return found


# ---------------------------------------------------------------------------- right and wrong


class Counts(NamedTuple):
    """Samples by class, int64: what a confusion matrix holds on its diagonal and its margins."""

    right: Labels
    support: Labels
    """Samples that are of the class."""
    predicted: Labels
    """Samples that were said to be."""


def count(labels: Labels, predicted: Labels, classes: int) -> Counts:
    """Whole numbers that all scores of right and wrong are made of."""
    right = labels[labels == predicted]
    return Counts(*(np.bincount(found, minlength=classes) for found in (right, labels, predicted)))


def confusion_matrix(labels: Labels, predicted: Labels, classes: int) -> Labels:
    """Counts, classes × classes: row = true class, column = predicted class."""
    flat = np.bincount(labels * classes + predicted, minlength=classes**2)
    return flat.reshape(classes, classes).astype(np.int64)


def balanced_accuracy(counts: Counts) -> float:
    """Mean recall over the classes that occur among the labels (Brodersen et al. 2010)."""
    occurs = counts.support > 0
    return _mean(_ratio(counts.right, counts.support)[occurs])


def macro_f1(counts: Counts) -> float:
    """Mean F1 over the classes that occur among labels or predictions (Sokolova and Lapalme 2009, as
    scikit-learn and torchmetrics count it)."""
    occurs = (counts.support + counts.predicted) > 0
    return _mean(_f1(counts)[occurs])


def per_class(counts: Counts, classes: Sequence[str]) -> dict[str, dict[str, float | int]]:
    """{class: precision, recall, F1, support}.

    What nobody predicted has precision 0, what nobody was has recall 0; F1 = 2 · right / (support +
    predicted), the harmonic mean of the two.
    """
    precision, recall = _ratio(counts.right, counts.predicted), _ratio(counts.right, counts.support)
    columns = (array.tolist() for array in (precision, recall, _f1(counts), counts.support))
    names = ("precision", "recall", "f1", "support")
    return {
        name: dict(zip(names, row, strict=True))
        for name, row in zip(classes, zip(*columns, strict=True), strict=True)
    }


def per_source(
    labels: Labels, predicted: Labels, classes: int, sources: Sequence[str | None]
) -> tuple[dict[str, dict[str, float | int]], dict[str, float | int] | None]:
    """Where samples of one source (a hospital, a camera) fare worse than others, it shows here.

    {source: accuracy, balanced accuracy, support} of the ``MOST_SOURCES`` largest (ties: in order of
    the names), and the same of all smaller ones together, with their number under ``sources``; None
    where there are none. Samples without a source stand under "", in addition.
    """
    sizes = Counter(source or "" for source in sources)
    ranked = sorted(sizes.keys() - {""}, key=lambda name: (-sizes[name], name))
    places = {name: place for place, name in enumerate(ranked[:MOST_SOURCES])}
    if "" in sizes:
        places[""] = len(places)
    codes = np.array([places.get(source or "", -1) for source in sources], np.int64)

    def of(place: int) -> dict[str, float | int]:
        return _summary(count(labels[codes == place], predicted[codes == place], classes))

    found = {name: of(place) for name, place in places.items()}
    smaller = len(ranked) - MOST_SOURCES
    others = {"sources": smaller, **of(-1)} if smaller > 0 else None
    return found, others


def top_accuracy(labels: Labels, probabilities: Probabilities, top: int = TOP) -> float:
    """Share of samples whose label is among the ``top`` most probable classes (Russakovsky et al.
    2015). Of equally probable classes the first come first, as in :func:`predict`."""
    own = _own(labels, probabilities)[:, None]
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return _mean((before.sum(1) < top).astype(np.float64))


# ---------------------------------------------------------------------------- probabilities


def negative_log_likelihood(labels: Labels, probabilities: Probabilities) -> float:
    """Mean of -ln p(label), in nats; p is at least ``LEAST_PROBABILITY``, so the most is 87.3."""
    own = _own(labels, probabilities).astype(np.float64)
    return _mean(-np.log(np.clip(own, LEAST_PROBABILITY, 1.0)))


def brier_score(labels: Labels, probabilities: Probabilities) -> float:
    """Mean over samples of Σ over classes (p - [class is the label])², from 0 to 2 (Brier 1950).

    Computed as Σ p² - 2 p(label) + 1, which needs no second array of the probabilities' size.
    """
    squares = np.einsum("ij,ij->i", probabilities, probabilities, dtype=np.float64)
    own = _own(labels, probabilities).astype(np.float64)
    return _mean(np.maximum(squares - 2 * own + 1, 0))  # rounding may leave -1e-16 of nothing


def reliability(labels: Labels, probabilities: Probabilities) -> list[dict[str, Any]]:
    """``BINS`` bins of equal width over the confidence, the probability of the predicted class.

    Each {count, confidence, accuracy}: samples, the mean of their confidence, the share that is
    right; null where the bin is empty. Bin m holds confidences in ((m - 1) / BINS, m / BINS] (Guo et
    al. 2017, section 2).
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = predict(probabilities) == labels
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    place = np.searchsorted(inner, confidence, side="left")
    counts = np.bincount(place, minlength=BINS)
    confidences = _ratio(np.bincount(place, confidence, minlength=BINS), counts)
    accuracies = _ratio(np.bincount(place, right, minlength=BINS), counts)
    return [
        {
            "count": number,
            "confidence": mean if number else None,
            "accuracy": share if number else None,
        }
        for number, mean, share in zip(
            counts.tolist(), confidences.tolist(), accuracies.tolist(), strict=True
        )
    ]


def expected_calibration_error(bins: list[dict[str, Any]]) -> float:
    """Σ over bins count / samples · |accuracy - confidence| (Guo et al. 2017, equation 3)."""
    total = sum(one["count"] for one in bins)
    filled = [one for one in bins if one["count"]]
    return float(
        sum(one["count"] * abs(one["accuracy"] - one["confidence"]) / total for one in filled)
    )


# ---------------------------------------------------------------------------- parts


def _summary(counts: Counts) -> dict[str, float | int]:
    total = int(counts.support.sum())
    return {
        "accuracy": int(counts.right.sum()) / total if total else 0.0,
        "balanced_accuracy": balanced_accuracy(counts),
        "support": total,
    }


def _f1(counts: Counts) -> Floats:
    return _ratio(2 * counts.right, counts.support + counts.predicted)


def _own(labels: Labels, probabilities: Probabilities) -> Probabilities:
    """The probability of each sample's label."""
    return probabilities[np.arange(len(labels)), labels]


def _ratio(part: npt.NDArray[Any], whole: Labels) -> Floats:
    found = np.zeros(len(part))
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
