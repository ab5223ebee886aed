"""The data side: a dataset and its people, what they contribute, and the frozen versions."""

from apps.datasets.models.change import PolicyChange, SchemaChange
from apps.datasets.models.contribution import Contribution, ManifestRow, Receipt, Upload
from apps.datasets.models.dataset import (
    Dataset,
    Invitation,
    LabelClass,
    Licence,
    Membership,
    Policy,
    Role,
    Support,
    TaskKind,
)
from apps.datasets.models.sample import (
    Annotation,
    Comment,
    DeclaredGroup,
    Hold,
    LookBand,
    Review,
    Sample,
    Scale,
    Skip,
    Split,
    Tally,
)
from apps.datasets.models.version import Export, GroupSplit, Version, VersionSpan

__all__ = [
    "Annotation",
    "Comment",
    "Contribution",
    "Dataset",
    "DeclaredGroup",
    "Export",
    "GroupSplit",
    "Hold",
    "Invitation",
    "LabelClass",
    "Licence",
    "LookBand",
    "ManifestRow",
    "Membership",
    "Policy",
    "PolicyChange",
    "Receipt",
    "Review",
    "Role",
    "Sample",
    "Scale",
    "SchemaChange",
    "Skip",
    "Split",
    "Support",
    "Tally",
    "TaskKind",
    "Upload",
    "Version",
    "VersionSpan",
]
