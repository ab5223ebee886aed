"""Room for what members send: their quota, and the disk that receives it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from apps.datasets import tallies
from apps.datasets.models import Receipt, Upload
from apps.errors import RuleError

REMEMBERED_SECONDS = 2


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
    caches["here"].set(_key(member), room.left - size, REMEMBERED_SECONDS)


def require_room_for_one(member: Any, size: int) -> None:
    """The same for one file of many: by what was left a moment ago, counted down since.

    Adding up what waits costs more with each file that waits, so it is not done for each of them.
    Only a yes is taken from memory; several processes may give it for the same bytes within these
    two seconds.
    """
    require_disk(size)
    try:
        fits = caches["here"].decr(_key(member), size) >= 0
    except ValueError:  # not asked lately
        fits = False
    if not fits:
        require_room(member, size)


def _key(member: Any) -> str:
    return f"room:{member.pk}"


def require_disk(size: int = 0) -> None:
    """Refuse what would leave too little of the disk that receives it."""
    if not disk_takes(size):
        raise RuleError(
            "disk_full",
            _("This site's disk is nearly full, so it takes no files now. Tell the operator."),
            status=507,
        )


def disk_takes(size: int = 0) -> bool:
    """Whether enough of the disk that receives files stays free after so many bytes."""
    folder = Path(settings.STAGING_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return bool(shutil.disk_usage(folder).free - size >= settings.MIN_FREE_BYTES)
