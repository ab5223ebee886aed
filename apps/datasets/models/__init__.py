"""The data side: a dataset and its people, what they contribute, and the frozen versions."""

from apps.datasets.models.contribution import Contribution, Receipt
from apps.datasets.models.dataset import Dataset, Invitation, LabelClass, Licence, Membership, Role
from apps.datasets.models.sample import Annotation, Review, Sample, Split
from apps.datasets.models.version import Version, VersionSpan

__all__ = [
    "Annotation",
    "Contribution",
    "Dataset",
    "Invitation",
    "LabelClass",
    "Licence",
    "Membership",
    "Receipt",
    "Review",
    "Role",
    "Sample",
    "Split",
    "Version",
    "VersionSpan",
]
