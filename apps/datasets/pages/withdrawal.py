"""Withdrawing a sample or a whole contribution, and the public list of what was withdrawn."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from apps.datasets import actions
from apps.datasets.models import Contribution, Role, Sample
from apps.datasets.pages.contributing import only_if_changed
from apps.datasets.pages.scope import frame, refuse
from apps.datasets.pages.versions import version_of
from apps.datasets.permissions import contribution_for, may
from apps.datasets.reads import versions_with
from apps.datasets.tombstones import as_json
from apps.errors import RuleError, forbidden
from apps.members.tokens import also_by_token


class WithdrawForm(forms.Form):
    why = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Kept with its history. Needed when it is somebody else's."),
    )


def _refuse_others(request: HttpRequest, owner: int, dataset: object) -> None:
    if owner != request.user.pk and not may(request.user, dataset, Role.MAINTAINER):  # type: ignore[arg-type]
        raise forbidden(
            "not_yours", _("Only its contributor or a maintainer can withdraw it. Ask one.")
        )


@login_required
def sample_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """What withdrawing it means; the button is there, not on the sample's own page."""
    visible = Sample.objects.visible_to(request.user).select_related("dataset", "label")
    found = get_object_or_404(visible, pk=pk)
    _refuse_others(request, found.contributor_id, found.dataset)
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            gone = actions.withdraw_samples(
                found.dataset, request.user, [found], **form.cleaned_data
            )
        except RuleError as error:
            refuse(form, error)
        else:
            if gone:
                messages.success(request, _("It is withdrawn; its bytes are being erased."))
            else:
                messages.info(request, _("It is withdrawn already."))
            return redirect("sample", pk)
    context = frame(request, found.dataset, "samples") | {
        "form": form,
        "sample": found,
        "gone": found.status == Sample.Status.WITHDRAWN,
        "inside": versions_with(found),
        "back": found,
    }
    return render(request, "datasets/withdraw.html", context)


@login_required
def contribution_withdraw(request: HttpRequest, uuid: str) -> HttpResponse:
    """The same for everything that came in one contribution."""
    found = contribution_for(request.user, uuid)
    _refuse_others(request, found.member_id, found.dataset)
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            gone = actions.withdraw_contribution(found, request.user, **form.cleaned_data)
        except RuleError as error:
            refuse(form, error)
        else:
            text = ngettext("%(n)s sample is withdrawn.", "%(n)s samples are withdrawn.", gone)
            nothing = _("The contribution is discarded; nothing of it will be used.")
            messages.success(request, text % {"n": gone} if gone else nothing)
            return redirect("contribution", uuid)
    count = found.samples.exclude(status=Sample.Status.WITHDRAWN).count()
    context = frame(request, found.dataset, "contribute") | {
        "form": form,
        "contribution": found,
        "gone": not count and found.status == Contribution.Status.DISCARDED,
        "count": count,
    }
    return render(request, "datasets/withdraw.html", context)


@require_safe
@also_by_token
@only_if_changed
def tombstones(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Machine-readable, at an address that never changes; the version itself never changes, either."""
    return JsonResponse(as_json(version_of(request, slug, number)))
