"""What each page of a dataset begins with: the dataset if it may be seen, and the frame around it."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from apps.datasets import tallies
from apps.datasets.models import Dataset, Policy
from apps.datasets.permissions import abilities
from apps.datasets.queues import review_counts
from apps.errors import RuleError

# More than this is shown as "999+": nobody needs the exact length of a long queue in a tab.
COUNTED = 999


def dataset_of(request: HttpRequest, slug: str) -> Dataset:
    found: Dataset = get_object_or_404(Dataset.objects.visible_to(request.user), slug=slug)
    return found


def frame(request: HttpRequest, dataset: Dataset, tab: str) -> dict[str, Any]:
    """The context that datasets/_layout.html needs."""
    can = abilities(request.user, dataset)
    maintained = [dataset.pk] if can["maintain"] else []
    counts = review_counts([dataset.pk], request.user, maintained) if can["review"] else {}
    number = counts.get(dataset.pk, 0)
    waiting = f"{COUNTED}+" if number > COUNTED else number
    unlabelled = can["contribute"] and _unlabelled(dataset)
    return {
        "dataset": dataset,
        "tab": tab,
        "can": can,
        "waiting": waiting,
        "labelling": unlabelled or tab == "label",
    }


def _unlabelled(dataset: Dataset) -> bool:
    """Whether there is something on the labelling page, by the counts that are kept."""
    rows = tallies.waiting(dataset).filter(number__gt=0)
    return (rows if dataset.policy == Policy.CONSENSUS else rows.filter(label=0)).exists()


def refuse(form: forms.BaseForm, error: RuleError) -> None:
    """Show a refused action beside the field that it is about, or above the form."""
    named = error.facts.get("field")
    form.add_error(named if named in form.fields else None, error.message)
