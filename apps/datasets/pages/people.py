"""Who belongs to a dataset, and how somebody joins."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.datasets import actions
from apps.datasets.forms import InviteForm
from apps.datasets.models import Dataset, Role
from apps.datasets.pages.paging import paged
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.datasets.permissions import ORDER, implies, require, role_of
from apps.errors import RuleError

SHOWN = 100


def roles_to_give(role: Role | None) -> list[Role]:
    """An owner may invite anyone as anything; a maintainer reviewers and contributors."""
    return ORDER if role == Role.OWNER else [Role.REVIEWER, Role.CONTRIBUTOR]


@login_required
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Members and open invitations. A new invitation's link is in this one answer and nowhere else."""
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.CONTRIBUTOR)
    form = InviteForm(request.POST or None, roles=roles_to_give(role_of(request.user, dataset)))
    link = ""
    if request.method == "POST" and form.is_valid():
        try:
            link = make_link(request, dataset, form.cleaned_data["role"])
        except RuleError as error:
            refuse(form, error)
    context = frame(request, dataset, "people") | {
        "form": form,
        "link": link,
        "roles": [(role.value, role.label) for role in ORDER],
        "invitations": _open_invitations(request, dataset),
    }
    context |= paged(request, dataset.memberships.select_related("member"), SHOWN, name="after")
    response = render(request, "datasets/people.html", context)
    if link:
        add_never_cache_headers(response)
    return response


def _open_invitations(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    """One page of the links that work now."""
    found = dataset.invitations.filter(revoked_at=None, expires_at__gt=timezone.now())
    found = found.select_related("created_by")
    return paged(request, found, SHOWN, name="invitations", anchor="#invitations")


def make_link(request: HttpRequest, dataset: Dataset, role: str) -> str:
    _invitation, token = actions.invite(dataset, request.user, role)
    return request.build_absolute_uri(reverse("invitation", args=[token]))


@require_POST
@login_required
def role_set(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_of(request, slug)
    membership = get_object_or_404(dataset.memberships.select_related("member"), pk=pk)
    role = request.POST.get("role", "")
    changed = actions.set_role(dataset, request.user, membership.member, role)
    messages.success(
        request,
        _("%(member)s is now: %(role)s.")
        % {"member": membership.member, "role": changed.get_role_display()},
    )
    return redirect("people", slug)


@require_POST
@login_required
def member_remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_of(request, slug)
    membership = get_object_or_404(dataset.memberships.select_related("member"), pk=pk)
    actions.remove_member(dataset, request.user, membership.member)
    if membership.member == request.user:
        messages.success(request, _("You have left “%(dataset)s”.") % {"dataset": dataset.title})
        return redirect("home")
    messages.success(
        request,
        _("%(member)s no longer belongs to this dataset; what they brought stays.")
        % {"member": membership.member},
    )
    return redirect("people", slug)


@require_POST
@login_required
def invitation_revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_of(request, slug)
    require(request.user, dataset, Role.MAINTAINER)
    actions.revoke_invitation(get_object_or_404(dataset.invitations, pk=pk), request.user)
    messages.success(request, _("The link no longer works."))
    return redirect("people", slug)


@login_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What the link offers; joining takes a press of the button, so that no preview joins anybody."""
    found = actions.find_invitation(token)
    if request.method == "POST":
        membership = actions.accept_invitation(token, request.user)
        messages.success(
            request,
            _("Welcome. Your role here: %(role)s.") % {"role": membership.get_role_display()},
        )
        return redirect("dataset", found.dataset.slug)
    context = {
        "invitation": found,
        "already": implies(role_of(request.user, found.dataset), Role(found.role)),
    }
    return render(request, "datasets/invitation.html", context)
