"""Who may do what in a dataset. Roles come from memberships; each role implies the lesser ones."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from apps.datasets.models import Contribution, Dataset, Membership, Role
from apps.errors import RuleError, forbidden

# From most to least.
ORDER = [Role.OWNER, Role.MAINTAINER, Role.REVIEWER, Role.CONTRIBUTOR]


def role_of(user: Any, dataset: Dataset) -> Role | None:
    """The role of this user in this dataset; the operator (superuser) counts as an owner."""
    if not user.is_authenticated:
        return None
    found = Membership.objects.filter(dataset=dataset, member=user).values_list("role", flat=True)
    role = found.first()
    if user.is_superuser:
        return Role.OWNER
    return Role(role) if role else None


def implies(role: Role | None, needed: Role) -> bool:
    return role is not None and ORDER.index(role) <= ORDER.index(needed)


def may(user: Any, dataset: Dataset, needed: Role) -> bool:
    return implies(role_of(user, dataset), needed)


def require(user: Any, dataset: Dataset, needed: Role) -> None:
    """Refuse with the role that is needed and whom to ask for it."""
    found = role_of(user, dataset)
    if implies(found, needed):
        return
    if not user.is_authenticated:
        raise RuleError("login_required", _("Log in first."), status=401)
    raise forbidden(
        "role_required",
        _("This needs the role “%(needed)s” in this dataset; yours is “%(found)s”. Ask an owner.")
        % {"needed": needed.label, "found": found.label if found else _("none")},
        needed=needed.value,
    )


def contribution_for(user: Any, uuid: str) -> Contribution:
    """One's own, or any in a dataset where one reviews."""
    every = Contribution.objects.select_related("dataset")
    found: Contribution = get_object_or_404(every, uuid=uuid)
    role = role_of(user, found.dataset)
    if role is None:
        get_object_or_404(Dataset.objects.visible_to(user), pk=found.dataset_id)
    if found.member_id != user.pk and not implies(role, Role.REVIEWER):
        require(user, found.dataset, Role.REVIEWER)
    return found


def own_receiving(user: Any, uuid: str) -> int | None:
    """The id of one's own contribution that takes files, in a dataset where one has a role still.

    None says nothing: ask as for any other contribution, and refuse in words. This is asked for every
    file of an upload, so it is one statement that nobody builds anew: a third of what a file costs the
    web process were queries being built.
    """
    quote = connection.ops.quote_name
    batches, roles = (quote(each._meta.db_table) for each in (Contribution, Membership))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT batch.id FROM {batches} batch JOIN {roles} role"  # noqa: S608 - names of our own models
            " ON role.dataset_id = batch.dataset_id AND role.member_id = batch.member_id"
            " WHERE batch.uuid = %s AND batch.member_id = %s AND batch.status = %s",
            [UUID(str(uuid)).hex, user.pk, Contribution.Status.RECEIVING.value],
        )
        found = cursor.fetchone()
    return found[0] if found else None


def another_maintainer(dataset: Dataset, user: Any) -> bool:
    """Is there somebody else who could decide as a maintainer?"""
    maintainers = Membership.objects.filter(
        dataset=dataset, role__in=[Role.OWNER, Role.MAINTAINER], member__is_active=True
    )
    return maintainers.exclude(member=user).exists()


def abilities(user: Any, dataset: Dataset) -> dict[str, bool]:
    """What a page may offer: {"contribute", "review", "maintain", "own"}."""
    role = role_of(user, dataset)
    return {
        "contribute": implies(role, Role.CONTRIBUTOR),
        "review": implies(role, Role.REVIEWER),
        "maintain": implies(role, Role.MAINTAINER),
        "own": implies(role, Role.OWNER),
    }
