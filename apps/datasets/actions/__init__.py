"""Every rule of the data side: one verb function each.

What only workers do (ingesting.drain_ingest, building.build_versions) is imported by its own module.
"""

from apps.datasets.actions.appealing import appeal_rejection
from apps.datasets.actions.commenting import comment_on
from apps.datasets.actions.contributing import (
    Announced,
    announce_files,
    discard_contribution,
    finish_contribution,
    open_contribution,
    receive_file,
    receive_next,
    reopen_contribution,
)
from apps.datasets.actions.desk import Decision
from apps.datasets.actions.exports import request_export
from apps.datasets.actions.freezing import (
    approve_version,
    discard_version,
    freeze_version,
    retire_version,
)
from apps.datasets.actions.holding import release_lookalike
from apps.datasets.actions.labelling import label_samples, undo_labels
from apps.datasets.actions.leasing import end_lease, lease_samples, renew_lease
from apps.datasets.actions.manifesting import (
    add_to_manifest,
    check_manifest,
    drop_manifest,
    set_manifest,
)
from apps.datasets.actions.people import (
    accept_invitation,
    find_invitation,
    invite,
    remove_member,
    revoke_invitation,
    set_role,
)
from apps.datasets.actions.policing import change_policy, preview_policy
from apps.datasets.actions.proposing import (
    approve_change,
    decline_change,
    propose_change,
    revert_change,
)
from apps.datasets.actions.reviewing import ReviewResult, review_samples, undo_review
from apps.datasets.actions.shaping import (
    add_claimed_classes,
    add_class,
    create_dataset,
    update_class,
    update_dataset,
)
from apps.datasets.actions.unsealing import unseal
from apps.datasets.actions.withdrawing import withdraw_contribution, withdraw_samples

__all__ = [
    "Announced",
    "Decision",
    "ReviewResult",
    "accept_invitation",
    "add_claimed_classes",
    "add_class",
    "add_to_manifest",
    "announce_files",
    "appeal_rejection",
    "approve_change",
    "approve_version",
    "change_policy",
    "check_manifest",
    "comment_on",
    "create_dataset",
    "decline_change",
    "discard_contribution",
    "discard_version",
    "drop_manifest",
    "end_lease",
    "find_invitation",
    "finish_contribution",
    "freeze_version",
    "invite",
    "label_samples",
    "lease_samples",
    "open_contribution",
    "preview_policy",
    "propose_change",
    "receive_file",
    "receive_next",
    "release_lookalike",
    "remove_member",
    "renew_lease",
    "reopen_contribution",
    "request_export",
    "retire_version",
    "revert_change",
    "review_samples",
    "revoke_invitation",
    "set_manifest",
    "set_role",
    "undo_labels",
    "undo_review",
    "unseal",
    "update_class",
    "update_dataset",
    "withdraw_contribution",
    "withdraw_samples",
]
