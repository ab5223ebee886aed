"""Room for what members send: their quota, and the disk that receives it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from apps.datasets import tallies
from apps.datasets.models import Receipt, Upload
from apps.errors import RuleError


@dataclass(frozen=True)
class Room:
    """Bytes: what a member may store, and what they store and have sent already."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.used / self.limit)) if self.limit else 100


def room_of(member: Any) -> Room:
    """Stored samples, files that wait for ingest, uploads under way; not what is given up."""
    limit = member.storage_quota
    waiting = Receipt.objects.waiting().filter(contribution__member=member)
    sent = waiting.aggregate(total=Sum("size"))["total"] or 0
    coming = Upload.objects.open().filter(contribution__member=member)
    sent += coming.aggregate(total=Sum("size"))["total"] or 0
    limit = settings.MEMBER_STORAGE_BYTES if limit is None else limit
    return Room(limit, tallies.stored_bytes(member) + sent)


def require_room(member: Any, size: int) -> None:
    """Refuse what would not fit, before it is taken."""
    require_disk(size)
    room = room_of(member)
    if size > room.left:
        raise RuleError(
            "quota_full",
            _(
                "You have %(left)s of your %(limit)s left, and this needs %(size)s. Withdraw what is "
                "not needed, or ask an operator for more room."
            )
            % {
                "left": filesizeformat(room.left),
                "limit": filesizeformat(room.limit),
                "size": filesizeformat(size),
            },
            status=413,
            left=room.left,
            limit=room.limit,
        )


def require_disk(size: int = 0) -> None:
    """Refuse what would leave too little of the disk that receives it."""
    folder = Path(settings.STAGING_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free - size < settings.MIN_FREE_BYTES:
        raise RuleError(
            "disk_full",
            _("This site's disk is nearly full, so it takes no files now. Tell the operator."),
            status=507,
        )
