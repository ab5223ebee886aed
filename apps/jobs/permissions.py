"""Who may do what with jobs. Roles come from the dataset's memberships."""

from typing import Any

from django.utils.translation import gettext as _

from apps.datasets.models import Dataset, Role
from apps.datasets.permissions import may, require
from apps.errors import forbidden
from apps.jobs.models import TrainingJob


def require_proposer(user: Any, dataset: Dataset) -> None:
    """Whoever contributes to the dataset may propose what to train on it."""
    require(user, dataset, Role.CONTRIBUTOR)


def require_decider(user: Any, job: TrainingJob) -> None:
    """Maintainers decide, about their own proposals too.

    A job is a bounded configuration and never code, so a second pair of eyes guards machine time
    only; in a small community nobody else might be there to look.
    """
    require(user, job.dataset, Role.MAINTAINER)


def may_decide(user: Any, job: TrainingJob) -> bool:
    return may(user, job.dataset, Role.MAINTAINER)


def may_cancel(user: Any, job: TrainingJob) -> bool:
    return user.pk == job.member_id or may_decide(user, job)


def require_canceller(user: Any, job: TrainingJob) -> None:
    if not may_cancel(user, job):
        raise forbidden(
            "not_yours",
            _(
                "Only the member who proposed this job, or a maintainer of the dataset, may cancel it."
            ),
        )
