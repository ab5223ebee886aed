"""Opening the sealed test labels of a dataset: once, for everyone, by its owner."""

from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets.models import Dataset, Role
from apps.datasets.permissions import require
from apps.datasets.seals import sealed_versions
from apps.errors import RuleError


def unseal(dataset: Dataset, by: Any) -> None:
    """Publish the test labels of every version, with the salts that prove them. Final."""
    require(by, dataset, Role.OWNER)
    if not sealed_versions(dataset).exists():
        raise RuleError("nothing_sealed", _("No version has sealed test labels now."))
    found = Dataset.objects.filter(pk=dataset.pk, unsealed_at=None)
    if not found.update(unsealed_at=Now(), seals_test=False):
        raise RuleError("nothing_sealed", _("No version has sealed test labels now."))
    dataset.refresh_from_db(fields=["unsealed_at", "seals_test"])
