"""The review policy: what settles a sample, with a look at what a change would do."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets import actions
from apps.datasets.models import Dataset, Role
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.datasets.permissions import require
from apps.errors import RuleError

SHOWN = 20


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Dataset
        fields = ("policy", "labels_needed", "support", "labels_max")
        widgets = {"policy": forms.RadioSelect}
        help_texts = {
            "labels_needed": gettext_lazy("Whoever brought it counts as one of them."),
            "support": gettext_lazy("This share of them must have named the same class."),
            "labels_max": gettext_lazy("After so many without agreement a maintainer decides."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["policy"].choices = Dataset._meta.get_field("policy").choices  # type: ignore[attr-defined]


@login_required
def policy(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.MAINTAINER)
    form = PolicyForm(request.POST or None, instance=dataset_of(request, slug))
    preview = None
    if request.method == "POST" and form.is_valid():
        try:
            if "apply" in request.POST:
                actions.change_policy(dataset, request.user, **form.cleaned_data)
                messages.success(request, _("The policy holds from now on."))
                return redirect("policy", slug)
            preview = actions.preview_policy(dataset, request.user, **form.cleaned_data)
        except RuleError as error:
            refuse(form, error)
    context = frame(request, dataset, "review") | {
        "form": form,
        "preview": preview,
    }
    changes = dataset.policy_changes.filter(people=False).select_related("by")
    context |= paged(request, changes, SHOWN)
    return render(request, "datasets/policy.html", context)
