"""Who belongs to a dataset: roles and invitations."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.datasets.actions.policing import judge_again
from apps.datasets.models import Dataset, Invitation, Membership, Role
from apps.datasets.permissions import ORDER, implies, require
from apps.errors import RuleError, forbidden, invalid

INVITATION_DAYS = 14


def invite(dataset: Dataset, by: Any, role: str) -> tuple[Invitation, str]:
    """A link for anyone who has it; returns the invitation and its token, shown only now."""
    require(by, dataset, Role.MAINTAINER)
    if role not in Role.values:
        raise invalid("unknown_role", _("There is no such role."), field="role")
    if role in {Role.OWNER, Role.MAINTAINER}:
        require(by, dataset, Role.OWNER)
    token = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        dataset=dataset,
        role=role,
        created_by=by,
        digest=_digest(token),
        expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
    )
    return invitation, token


def revoke_invitation(invitation: Invitation, by: Any) -> None:
    require(by, invitation.dataset, Role.MAINTAINER)
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=Now())


def find_invitation(token: str) -> Invitation:
    """The invitation of a link that still holds. Raises RuleError("invitation_invalid", 404)."""
    found = (
        Invitation.objects.select_related("dataset", "created_by")
        .filter(digest=_digest(token), revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if found is None:
        text = _("This invitation has expired or was revoked. Ask whoever sent it for a new link.")
        raise RuleError("invitation_invalid", text, status=404)
    return found


def accept_invitation(token: str, member: Any) -> Membership:
    """Join, or rise to the invitation's role; a role is never lowered by a link."""
    invitation = find_invitation(token)
    with transaction.atomic():
        membership, created = Membership.objects.get_or_create(
            dataset=invitation.dataset, member=member, defaults={"role": invitation.role}
        )
        if created and invitation.role != Role.CONTRIBUTOR:
            judge_again(invitation.dataset, member)
        if not implies(Role(membership.role), Role(invitation.role)):
            _change_role(membership, invitation.role, member)
    return membership


def set_role(dataset: Dataset, by: Any, member: Any, role: str) -> Membership:
    """Give an existing member another role; a dataset always keeps an owner."""
    require(by, dataset, Role.OWNER)
    if role not in ORDER:
        raise invalid("unknown_role", _("There is no such role."), field="role")
    with transaction.atomic():
        membership = _membership(dataset, member)
        if membership.role == Role.OWNER and role != Role.OWNER:
            _keep_an_owner(dataset, member)
        _change_role(membership, role, by)
    return membership


def remove_member(dataset: Dataset, by: Any, member: Any) -> None:
    """End a membership: one's own, or as an owner another's. Contributions stay."""
    if by != member:
        require(by, dataset, Role.OWNER)
    with transaction.atomic():
        membership = _membership(dataset, member)
        if membership.role == Role.OWNER:
            _keep_an_owner(dataset, member)
        if membership.role != Role.CONTRIBUTOR:
            judge_again(dataset, by)
        membership.delete()


def _change_role(membership: Membership, role: str, by: Any) -> None:
    """Contributors are asked for no labels: who begins or ceases to be one changes whom to wait for."""
    if Role.CONTRIBUTOR in {membership.role, role} and membership.role != role:
        judge_again(membership.dataset, by)
    membership.role = role
    membership.save(update_fields=["role"])


def _membership(dataset: Dataset, member: Any) -> Membership:
    # Locked together, so that two owners cannot both leave at once.
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    found = Membership.objects.filter(dataset=dataset, member=member).first()
    if found is None:
        text = _("This person is not a member of the dataset (any more). Reload the page.")
        raise RuleError("not_a_member", text, status=404)
    return found


def _keep_an_owner(dataset: Dataset, leaving: Any) -> None:
    others = Membership.objects.filter(dataset=dataset, role=Role.OWNER).exclude(member=leaving)
    if not others.exists():
        raise forbidden(
            "last_owner", _("A dataset needs an owner. Make somebody else an owner first.")
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
