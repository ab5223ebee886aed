"""Creating a dataset and shaping it: its facts and its classes."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.datasets.actions.classing import require_current
from apps.datasets.actions.naming import (
    COLOURS,
    COMMAND_KEYS,
    KEY_RESERVED,
    MAX_CLASSES,
    adopt_claims,
    clean_class_name,
    create_class,
    one_at_a_time,
    require_free,
)
from apps.datasets.ingest.folders import class_key
from apps.datasets.models import Dataset, LabelClass, Membership, Role
from apps.datasets.permissions import require
from apps.datasets.reads import claimed_classes
from apps.datasets.seals import check_change
from apps.errors import invalid

EDITABLE = frozenset(
    "title summary guidelines licence agreement visibility flips_preserve_labels "
    "validation_percent test_percent seals_test motivation limitations".split()
)


def create_dataset(
    by: Any, *, title: str, slug: str, class_names: Iterable[str] = (), **fields: Any
) -> Dataset:
    """A dataset with its classes; whoever creates it owns it."""
    unknown = fields.keys() - EDITABLE - {"task"}
    if unknown:
        raise invalid("unknown_field", _("Unknown fields: %s.") % ", ".join(sorted(unknown)))
    names = list(class_names)
    if len(names) > MAX_CLASSES:
        text = _("Name at most %(limit)s classes at once. More can be added afterwards.")
        raise invalid("too_many_classes", text % {"limit": MAX_CLASSES}, field="class_names")
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(title=title, slug=slug, created_by=by, **fields)
            Membership.objects.create(dataset=dataset, member=by, role=Role.OWNER)
            for name in names:
                add_class(dataset, by, name)
    except IntegrityError:
        raise invalid(
            "slug_taken",
            _("The address “%(slug)s” is taken. Choose another one.") % {"slug": slug},
            field="slug",
        ) from None
    return dataset


def update_dataset(dataset: Dataset, by: Any, **fields: Any) -> Dataset:
    """Change a dataset's facts. Its address and its split salt never change."""
    require(by, dataset, Role.MAINTAINER)
    if "visibility" in fields and fields["visibility"] != dataset.visibility:
        require(by, dataset, Role.OWNER)
    if "seals_test" in fields:
        check_change(dataset, fields["seals_test"])
    for name, value in fields.items():
        if name not in EDITABLE:
            raise invalid("unknown_field", _("Unknown fields: %s.") % name, field=name)
        setattr(dataset, name, value)
    dataset.save(update_fields=list(fields))
    return dataset


def add_class(dataset: Dataset, by: Any, name: str) -> LabelClass:
    """A new class; samples whose folder claimed that name get it as their uploader's label."""
    require(by, dataset, Role.MAINTAINER)
    name = clean_class_name(name)
    with transaction.atomic():
        one_at_a_time(dataset)
        require_free(dataset, [name])
        label = create_class(dataset, name)
        adopt_claims(label)
    return label


def add_claimed_classes(dataset: Dataset, by: Any) -> list[LabelClass]:
    """Make classes of all the folder names that no class has yet, in alphabetical order."""
    require(by, dataset, Role.MAINTAINER)
    claimed = claimed_classes(dataset.samples.all())
    spellings = {class_key(name): name for name, _count in reversed(claimed)}
    with transaction.atomic():
        return [add_class(dataset, by, spellings[key]) for key in sorted(spellings)]


def update_class(
    label: LabelClass, by: Any, *, colour: int | None = None, key: str | None = None
) -> LabelClass:
    """Change how a class looks and which key picks it. (Renaming is a change of the schema.)"""
    require(by, label.dataset, Role.MAINTAINER)
    require_current(label)
    if key is not None:
        label.key = key.strip().lower()
    if label.key in COMMAND_KEYS:
        raise invalid(
            "key_reserved",
            str(KEY_RESERVED),
            field="key",
        )
    if colour is not None:
        label.colour = colour % COLOURS
    try:
        with transaction.atomic():
            label.save(update_fields=["colour", "key"])
    except IntegrityError:
        raise invalid(
            "key_taken",
            _("The key “%(key)s” already picks another class.") % {"key": label.key},
            field="key",
        ) from None
    return label
