"""Roles and invitations: by link, never downwards, and never without an owner."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from apps.datasets import actions
from apps.datasets.models import Dataset, Invitation, Membership, Role
from apps.datasets.permissions import role_of
from apps.errors import RuleError


def test_a_link_gives_its_role(dataset: Dataset, cast: Any) -> None:
    invitation, token = actions.invite(dataset, cast.ada, Role.REVIEWER)
    assert token not in invitation.digest
    actions.accept_invitation(token, cast.dana)
    assert role_of(cast.dana, dataset) == Role.REVIEWER


def test_a_link_raises_but_never_lowers(dataset: Dataset, cast: Any) -> None:
    _invitation, token = actions.invite(dataset, cast.ada, Role.REVIEWER)
    for member, role in ((cast.ben, Role.REVIEWER), (cast.ada, Role.OWNER)):
        actions.accept_invitation(token, member)
        assert role_of(member, dataset) == role


def test_a_revoked_expired_or_made_up_link_is_worthless(dataset: Dataset, cast: Any) -> None:
    invitation, revoked = actions.invite(dataset, cast.ada, Role.CONTRIBUTOR)
    actions.revoke_invitation(invitation, cast.ada)
    _other, expired = actions.invite(dataset, cast.ada, Role.CONTRIBUTOR)
    past = timezone.now() - timedelta(seconds=1)
    Invitation.objects.filter(pk=_other.pk).update(expires_at=past)
    for token in (revoked, expired, "made-up"):
        with pytest.raises(RuleError, match="invitation_invalid"):
            actions.accept_invitation(token, cast.dana)
    assert role_of(cast.dana, dataset) is None


@pytest.mark.parametrize(
    ("lived", "holds"), [(timedelta(days=14, minutes=-1), True), (timedelta(days=14), False)]
)
def test_a_link_holds_for_two_weeks(
    dataset: Dataset, cast: Any, lived: timedelta, holds: bool
) -> None:
    _invitation, token = actions.invite(dataset, cast.ada, Role.REVIEWER)
    Invitation.objects.update(expires_at=F("expires_at") - lived)
    if holds:
        actions.accept_invitation(token, cast.dana)
    else:
        with pytest.raises(RuleError, match="invitation_invalid"):
            actions.accept_invitation(token, cast.dana)
    assert (role_of(cast.dana, dataset) is not None) == holds


def test_a_maintainer_cannot_make_owners(dataset: Dataset, cast: Any) -> None:
    Membership.objects.create(dataset=dataset, member=cast.dana, role=Role.MAINTAINER)
    actions.invite(dataset, cast.dana, Role.REVIEWER)
    with pytest.raises(RuleError, match="role_required"):
        actions.invite(dataset, cast.dana, Role.OWNER)
    with pytest.raises(RuleError, match="role_required"):
        actions.set_role(dataset, cast.dana, cast.dana, Role.OWNER)


def test_a_dataset_keeps_an_owner(dataset: Dataset, cast: Any) -> None:
    for refused in (
        lambda: actions.remove_member(dataset, cast.ada, cast.ada),
        lambda: actions.set_role(dataset, cast.ada, cast.ada, Role.REVIEWER),
    ):
        with pytest.raises(RuleError, match="last_owner"):
            refused()
    actions.set_role(dataset, cast.ada, cast.chen, Role.OWNER)
    actions.remove_member(dataset, cast.ada, cast.ada)
    assert role_of(cast.ada, dataset) is None


def test_members_leave_by_themselves_and_are_removed_by_owners(dataset: Dataset, cast: Any) -> None:
    with pytest.raises(RuleError, match="role_required"):
        actions.remove_member(dataset, cast.ben, cast.chen)
    actions.remove_member(dataset, cast.ben, cast.ben)
    with pytest.raises(RuleError, match="not_a_member"):
        actions.remove_member(dataset, cast.ada, cast.ben)
