"""A dataset's overview, its facts and its classes."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.datasets import actions, seals, tallies
from apps.datasets.actions.naming import COLOURS
from apps.datasets.changes import describe, open_changes
from apps.datasets.forms import ClassLooksForm, ClassNameForm, FactsForm, NewDatasetForm
from apps.datasets.guidelines import to_html
from apps.datasets.models import Role, Sample, Version
from apps.datasets.pages.changes import progress
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.datasets.permissions import require
from apps.datasets.reads import claimed_classes, class_rows
from apps.errors import RuleError


@login_required
def dataset_new(request: HttpRequest) -> HttpResponse:
    form = NewDatasetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            dataset = actions.create_dataset(request.user, **form.cleaned_data)
        except RuleError as error:
            refuse(form, error)
        else:
            messages.success(
                request, _("Your dataset is there. Now bring the first samples, or invite people.")
            )
            return redirect("dataset", dataset.slug)
    return render(request, "datasets/new.html", {"form": form})


@require_safe
def dataset(request: HttpRequest, slug: str) -> HttpResponse:
    found = dataset_of(request, slug)
    rows, counts = class_rows(found), tallies.by_status(found)
    context = frame(request, found, "overview") | {
        "guidelines": to_html(found.guidelines),
        "rows": rows,
        "approved": counts["approved"],
        "pending": counts["pending"],
        "sealed": seals.closed(found),
        "newest": found.versions.filter(status=Version.Status.APPROVED).first(),
        "draft": found.versions.filter(status=Version.Status.DRAFT).first(),
        "owners": found.memberships.filter(role=Role.OWNER).select_related("member"),
    }
    return render(request, "datasets/overview.html", context)


@login_required
def dataset_edit(request: HttpRequest, slug: str) -> HttpResponse:
    found = dataset_of(request, slug)
    require(request.user, found, Role.MAINTAINER)
    form = FactsForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            # The form has written into its own instance already; the action compares with a fresh one.
            actions.update_dataset(dataset_of(request, slug), request.user, **form.cleaned_data)
        except RuleError as error:
            refuse(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("dataset", slug)
    context = frame(request, dataset_of(request, slug), "overview") | {"form": form}
    return render(request, "datasets/edit.html", context)


@login_required
def classes(request: HttpRequest, slug: str) -> HttpResponse:
    """The classes with their looks; a form for one more."""
    found = dataset_of(request, slug)
    form = ClassNameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            label = actions.add_class(found, request.user, form.cleaned_data["name"])
        except RuleError as error:
            refuse(form, error)
        else:
            messages.success(request, _("“%(name)s” is a class now.") % {"name": label.name})
            return redirect("classes", slug)
    waiting = list(open_changes(found))
    busy = {each.label_id: each.pk for each in waiting}
    rows = class_rows(found)
    for row in rows:
        row.change = busy.get(row.pk or 0)
    context = frame(request, found, "overview") | {
        "form": form,
        "rows": rows,
        "colours": range(COLOURS),
        "claimed": claimed_classes(Sample.objects.filter(dataset=found)),
        "changes": [(each, describe(each), progress(each)) for each in waiting],
        "changed": found.changes.exists(),
    }
    return render(request, "datasets/classes.html", context)


@require_POST
@login_required
def classes_claimed(request: HttpRequest, slug: str) -> HttpResponse:
    """Make classes of all folder names that are none yet, then go back to where it was pressed."""
    made = actions.add_claimed_classes(dataset_of(request, slug), request.user)
    text = ngettext("%(n)s class was created.", "%(n)s classes were created.", len(made))
    messages.success(request, text % {"n": len(made)})
    contribution = request.POST.get("contribution", "")
    if contribution:
        return redirect("contribution", contribution)
    return redirect("classes", slug)


@require_POST
@login_required
def class_edit(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    found = dataset_of(request, slug)
    label = get_object_or_404(found.classes.current(), pk=pk)
    form = ClassLooksForm(request.POST, instance=label)
    if form.is_valid():
        fresh = get_object_or_404(found.classes.current(), pk=pk)
        actions.update_class(fresh, request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
    else:
        for problems in form.errors.values():
            messages.error(request, f"{label.name}: {' '.join(map(str, problems))}")
    return redirect("classes", slug)
