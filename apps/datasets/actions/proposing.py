"""Changes of the classes as people decide them: proposed, approved or declined, taken back."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.datasets import seals
from apps.datasets.actions.classing import require_current
from apps.datasets.actions.freezing import require_no_build
from apps.datasets.actions.naming import (
    adopt_claims,
    clean_class_name,
    create_class,
    free_key,
    one_at_a_time,
    require_free,
)
from apps.datasets.changes import OPEN, Kind, Status, describe, to_move, touched
from apps.datasets.ingest.folders import class_key
from apps.datasets.lineage import STANDING
from apps.datasets.models import Dataset, LabelClass, Role, SchemaChange, Split
from apps.datasets.permissions import another_maintainer, require
from apps.errors import RuleError, forbidden, invalid
from apps.state.actions import move
from apps.state.doorbell import ring

CHANGE = "apps.datasets.tasks.change_classes"
MAX_PARTS = 50


def propose_change(
    dataset: Dataset,
    by: Any,
    *,
    kind: str,
    label: LabelClass,
    new_name: str = "",
    into: LabelClass | None = None,
    parts: Iterable[str] = (),
    why: str = "",
) -> SchemaChange:
    """A rename (`new_name`), a merge (`into`) or a split (`parts`) of a class, for a maintainer to
    decide about. Nothing changes before that."""
    require(by, dataset, Role.MAINTAINER)
    if kind not in Kind.values:
        raise invalid("unknown_kind", _("Say rename, merge or split."), field="kind")
    change = SchemaChange(dataset=dataset, kind=kind, label=label, by=by, why=why.strip()[:300])
    if kind == Kind.RENAME:
        change.new_name = clean_class_name(new_name, "new_name")
    elif kind == Kind.MERGE:
        change.into, change.new_name = into, into.name if into else ""
    else:
        change.parts = [clean_class_name(part, "parts") for part in parts]
    with transaction.atomic():
        one_at_a_time(dataset)
        label.refresh_from_db()
        change.old_name = label.name
        _check(change)
        change.save()
    change.refresh_from_db(fields=["at"])
    return change


def approve_change(change: SchemaChange, by: Any) -> None:
    """Let a proposal hold. A rename is done at once; the samples of a merge or a split are moved by
    a worker, and nobody can pick the class from this moment on."""
    dataset = change.dataset
    require(by, dataset, Role.MAINTAINER)
    if change.by_id == by.pk and another_maintainer(dataset, by):
        text = _("Whoever proposed a change does not approve it alone: ask another maintainer.")
        raise forbidden("second_maintainer", text)
    with transaction.atomic():
        _locked(change)
        if change.status == Status.PROPOSED:
            _check(change)
        counts = touched(dataset, change.label_id)
        move(change, Status.APPLYING, by=by, decided_by=by, decided_at=Now())
        change.facts = {"touched": asdict(counts)} | BEGIN[Kind(change.kind)](change)
        change.save(update_fields=["facts"])
        if change.kind == Kind.RENAME:
            move(change, Status.APPLIED, by=by)
        ring(CHANGE)
    change.refresh_from_db(fields=["decided_at"])


def decline_change(change: SchemaChange, by: Any, why: str = "") -> None:
    """Say no to a proposal, with a reason; or take one's own back before it is decided."""
    require(by, change.dataset, Role.MAINTAINER)
    why = why.strip()[:300]
    if change.by_id != by.pk and not why:
        text = _("Say why not: whoever proposed it will read it.")
        raise invalid("reason_required", text, field="why")
    move(change, Status.DECLINED, by=by, why=why, decided_by=by, decided_at=Now())
    change.refresh_from_db(fields=["decided_at"])


def revert_change(change: SchemaChange, by: Any, why: str = "") -> None:
    """Take back a change that was applied: names as before, and the samples that it moved and that
    nobody has changed since (see changes.to_take_back)."""
    require(by, change.dataset, Role.MAINTAINER)
    with transaction.atomic():
        _locked(change)
        if change.status == Status.APPLIED:
            CHECK_BACK[Kind(change.kind)](change)
        fields = {"reverted_by": by, "reverted_at": Now(), "done": 0}
        move(change, Status.REVERTING, by=by, why=why.strip()[:300], **fields)
        BACK[Kind(change.kind)](change)
        if change.kind == Kind.RENAME:
            move(change, Status.REVERTED, by=by)
        ring(CHANGE)
    change.refresh_from_db(fields=["reverted_at"])


def _locked(change: SchemaChange) -> None:
    one_at_a_time(change.dataset)
    require_no_build(change.dataset)
    change.refresh_from_db()


# ---------------------------------------------------------------------------- may it stand?


def _check(change: SchemaChange) -> None:
    """At the proposal, and again at the decision."""
    require_current(change.label)
    others = change.dataset.changes.filter(status__in=OPEN).exclude(pk=change.pk)
    same = Q(label=change.label) | Q(into=change.label)
    if change.into:
        same |= Q(label=change.into)
    if other := others.filter(same).first():
        text = _("Another change of it is not finished yet: %(what)s. Decide about that one first.")
        raise RuleError("change_open", text % {"what": describe(other)}, change=other.pk)
    CHECK[Kind(change.kind)](change)


def _check_rename(change: SchemaChange) -> None:
    if change.new_name == change.label.name:
        raise RuleError("nothing_changed", _("That is its name already."), field="new_name")
    require_free(change.dataset, [change.new_name], own=[change.label], field="new_name")


def _check_merge(change: SchemaChange) -> None:
    into = change.into
    if into is None or into.pk == change.label_id or into.dataset_id != change.dataset_id:
        raise invalid("merge_into", _("Pick another class for it to go into."), field="into")
    require_current(into)


def _check_split(change: SchemaChange) -> None:
    if not 2 <= len({class_key(part) for part in change.parts}) == len(change.parts) <= MAX_PARTS:
        text = _("Name at least two parts, at most %(limit)s, each of them once.")
        raise invalid("split_parts", text % {"limit": MAX_PARTS}, field="parts")
    require_free(change.dataset, change.parts, own=[change.label], field="parts")
    if seals.closed(change.dataset) and to_move(change).filter(split=Split.TEST).exists():
        text = _(
            "Test labels of this dataset are sealed, and the test samples that wait again would "
            "show which of them had this class. Unseal the labels first."
        )
        raise RuleError("sealed", text)


# ---------------------------------------------------------------------------- what it begins with


def _rename(change: SchemaChange) -> dict[str, Any]:
    label, old = change.label, change.label.name
    label.name = change.new_name
    return {"added": _call_also(label, [old])}


def _begin_merge(change: SchemaChange) -> dict[str, Any]:
    label, into = change.label, change.into
    assert into is not None
    key = label.key
    label.key, label.retired_at = "", Now()
    label.save(update_fields=["key", "retired_at"])
    return {"key": key, "added": _call_also(into, [label.name, *label.aliases])}


def _begin_split(change: SchemaChange) -> dict[str, Any]:
    """The parts are classes at once. If the old class is one of them it is back when all is moved."""
    label = change.label
    parts = {class_key(part): part for part in change.parts}
    stays = class_key(label.name) in parts
    dropped = [alias for alias in label.aliases if class_key(alias) in parts]
    key = label.key
    label.aliases = [alias for alias in label.aliases if alias not in dropped]
    label.key, label.retired_at = key if stays else "", Now()
    label.save(update_fields=["aliases", "key", "retired_at"])
    parts.pop(class_key(label.name), None)
    made = [create_class(change.dataset, part) for part in parts.values()]
    for each in made:
        adopt_claims(each)
    return {
        "key": key,
        "dropped": dropped,
        "made": [each.pk for each in made],
        "stays": stays,
    }


def _call_also(label: LabelClass, names: Iterable[str]) -> list[str]:
    """Names that mean this class, too, from now on; returns those that did not before."""
    known = {class_key(each) for each in (label.name, *label.aliases)}
    added = [name for name in names if class_key(name) not in known]
    label.aliases = [*label.aliases, *added]
    label.save(update_fields=["name", "aliases"])
    adopt_claims(label)
    return added


# ---------------------------------------------------------------------------- the way back


def _check_rename_back(change: SchemaChange) -> None:
    label = change.label
    if label.retired_at is not None:
        _check_not_gone_on(change, label)
    if label.name != change.new_name:
        text = _("It was renamed again since, to “%(name)s”. Take that back first.")
        raise RuleError("changed_since", text % {"name": label.name})
    require_free(change.dataset, [change.old_name], own=[label], field="label")


def _check_merge_back(change: SchemaChange) -> None:
    label, into = change.label, change.into
    assert into is not None
    _check_not_gone_on(change, into)
    names = [label.name, *label.aliases]
    require_free(change.dataset, names, own=[label, into], field="label")
    if class_key(into.name) in {class_key(name) for name in names}:
        text = _("“%(name)s” is the name of the class that it went into by now. Rename that first.")
        raise invalid("class_exists", text % {"name": into.name})


def _check_split_back(change: SchemaChange) -> None:
    label = change.label
    if change.facts["stays"]:
        _check_not_gone_on(change, label)
    else:
        require_free(change.dataset, [label.name, *label.aliases], own=[label], field="label")


def _check_not_gone_on(change: SchemaChange, label: LabelClass) -> None:
    """A class that was merged or split after this change hides what this one moved."""
    later = SchemaChange.objects.filter(label=label, decided_at__gte=change.decided_at)
    later = later.exclude(pk=change.pk).exclude(kind=Kind.RENAME)
    standing = later.filter(status__in=[*STANDING, Status.REVERTING])
    if other := standing.first():
        text = _("“%(name)s” was changed again since: %(what)s. Take that back first.")
        values = {"name": label.name, "what": describe(other)}
        raise RuleError("changed_since", text % values, change=other.pk)


def _rename_back(change: SchemaChange) -> None:
    label = change.label
    label.name = change.old_name
    _no_longer_called(label, change.facts["added"])


def _merge_back(change: SchemaChange) -> None:
    assert change.into is not None
    _no_longer_called(change.into, change.facts["added"])
    _current_again(change)


def _split_back(change: SchemaChange) -> None:
    if change.label.retired_at is not None:
        _current_again(change)


def _current_again(change: SchemaChange) -> None:
    """With the key that it had, or a free one if another class got it meanwhile."""
    label, key = change.label, change.facts["key"]
    taken = set(change.dataset.classes.values_list("key", flat=True)) - {""}
    label.key = free_key(label.name, taken) if key in taken else key
    label.retired_at = None
    label.save(update_fields=["key", "retired_at"])


def _no_longer_called(label: LabelClass, names: list[str]) -> None:
    label.aliases = [alias for alias in label.aliases if alias not in names]
    label.save(update_fields=["name", "aliases"])


Step = Callable[[SchemaChange], None]
CHECK: dict[Kind, Step] = {
    Kind.RENAME: _check_rename,
    Kind.MERGE: _check_merge,
    Kind.SPLIT: _check_split,
}
BEGIN: dict[Kind, Callable[[SchemaChange], dict[str, Any]]] = {
    Kind.RENAME: _rename,
    Kind.MERGE: _begin_merge,
    Kind.SPLIT: _begin_split,
}
CHECK_BACK: dict[Kind, Step] = {
    Kind.RENAME: _check_rename_back,
    Kind.MERGE: _check_merge_back,
    Kind.SPLIT: _check_split_back,
}
BACK: dict[Kind, Step] = {
    Kind.RENAME: _rename_back,
    Kind.MERGE: _merge_back,
    Kind.SPLIT: _split_back,
}
