"""What a run measured, shaped for a page. Takes what jobs of any age have kept: what lacks is left out."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.jobs.models import TrainingJob

Metrics = dict[str, Any]

# Score → its name and what it says, in the order of the page.
NAMES = {
    "accuracy": (gettext_noop("Accuracy"), gettext_noop("Share that is predicted rightly.")),
    "balanced_accuracy": (
        gettext_noop("Balanced accuracy"),
        gettext_noop("Mean over the classes of the share that is found of each."),
    ),
    "macro_f1": (
        gettext_noop("Macro-F1"),
        gettext_noop("Mean of the classes' F1, each class counting the same."),
    ),
    "top_5_accuracy": (
        gettext_noop("Top-5 accuracy"),
        gettext_noop("Share whose class is among the five most probable."),
    ),
    "expected_calibration_error": (
        gettext_noop("Calibration error"),
        gettext_noop("Mean distance between how sure it is and how often it is right; 0 is best."),
    ),
    "brier_score": (
        gettext_noop("Brier score"),
        gettext_noop(
            "Squared distance of the probabilities from the truth; 0 is best, 2 the worst."
        ),
    ),
    "negative_log_likelihood": (
        gettext_noop("Log loss"),
        gettext_noop("Mean of −ln of the probability that the right class was given; 0 is best."),
    ),
}
SPLITS = {"test": gettext_noop("Test"), "validation": gettext_noop("Validation")}
# Sizes of the diagram, in its own units.
WIDTH, HEIGHT = 300, 200


def scores(job: TrainingJob) -> dict[str, Any] | None:
    """Everything measured of a finished job; None where nothing was.

    Details are of the test split, or of validation where the test labels are sealed.
    """
    metrics = job.result.get("metrics") or {}
    splits = [split for split in SPLITS if metrics.get(split)]
    if not splits:
        return None
    first: Metrics = metrics[splits[0]]
    return {
        "split": splits[0],
        "columns": [_(SPLITS[split]) for split in splits],
        "rows": list(_rows({_(SPLITS[split]): metrics[split] for split in splits})),
        "views": (metrics.get("test_tta") or {}).get("accuracy"),
        "plain": first["accuracy"],
        "classes": _named(first.get("per_class")),
        "sources": _sources(first),
        "others": first.get("other_sources"),
        "reliability": list(_bins(first.get("reliability") or [])),
    }


def _rows(splits: dict[str, Metrics]) -> Iterator[dict[str, Any]]:
    for key, (name, about) in NAMES.items():
        values = [(split, each.get(key)) for split, each in splits.items()]
        if any(value is not None for _split, value in values):
            yield {"name": _(name), "about": _(about), "values": values}


def _named(found: dict[str, Metrics] | None) -> list[Metrics]:
    return [{"name": name, **values} for name, values in (found or {}).items()]


def _sources(metrics: Metrics) -> list[Metrics]:
    """Scores by source, the weakest first; nothing where all samples are of one."""
    found = _named(metrics.get("per_source"))
    found.sort(key=lambda row: row["accuracy"])
    return found if len(found) > 1 or metrics.get("other_sources") else []


def _bins(bins: list[Metrics]) -> Iterator[Metrics]:
    """Each with the confidences that it holds and its bar in the diagram."""
    for place, each in enumerate(bins):
        height = (each["accuracy"] or 0) * HEIGHT
        yield each | {
            "from": place / len(bins),
            "to": (place + 1) / len(bins),
            "x": round(place * WIDTH / len(bins) + 1, 2),
            "y": round(HEIGHT - height, 2),
            "width": round(WIDTH / len(bins) - 2, 2),
            "height": round(height, 2),
        }


def pruned(job: TrainingJob) -> list[dict[str, Any]]:
    """The network before and after pruning, a row for each thing weighed; empty where it was not."""
    found = job.result.get("pruning")
    if not found:
        return []
    names = {
        "validation_accuracy": _("Validation accuracy"),
        "train_accuracy": _("Training accuracy"),
        "parameters": _("Weights"),
        "non_zero": _("Weights that are not zero"),
        "bytes": _("Bytes"),
        "compressed_bytes": _("Bytes, compressed"),
        "latency_ms": _("Milliseconds for %(n)s samples") % {"n": found["after"]["latency_batch"]},
    }
    return [
        {"key": key, "name": name, "before": found["before"][key], "after": found["after"][key]}
        for key, name in names.items()
        if found["after"].get(key) is not None
    ]
