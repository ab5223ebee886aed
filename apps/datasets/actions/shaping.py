"""Creating a dataset and shaping it: its facts and its classes."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets.actions.changing import change_samples
from apps.datasets.ingest.folders import MAX_CLASS, class_key
from apps.datasets.models import Annotation, Dataset, LabelClass, Membership, Role, Sample
from apps.datasets.permissions import require
from apps.datasets.reads import claimed_classes
from apps.datasets.seals import check_change
from apps.errors import invalid

# The keys that pick a class, in order of position; a class of one character gets its own.
KEYS = "1234567890"
# What these keys do while reviewing or labelling; a class cannot have them.
COMMAND_KEYS = frozenset("afgnrsuv?/+-")
KEY_RESERVED = gettext_lazy(
    "A, F, G, N, R, S, U, V, ?, /, + and - are commands while reviewing or labelling. Choose another "
    "key."
)
COLOURS = 12
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
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(title=title, slug=slug, created_by=by, **fields)
            Membership.objects.create(dataset=dataset, member=by, role=Role.OWNER)
            for name in class_names:
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
    name = " ".join(name.split())
    if not name or len(name) > MAX_CLASS:
        raise invalid(
            "class_name",
            _("A class needs a name of at most %(limit)s characters.") % {"limit": MAX_CLASS},
            field="name",
        )
    with transaction.atomic():
        # One writer at a time per dataset: positions and keys are handed out in order.
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        others = list(dataset.classes.all())
        current = [other for other in others if other.retired_at is None]
        names = {alias for other in current for alias in (other.name, *other.aliases)}
        if class_key(name) in {class_key(other) for other in names}:
            raise invalid(
                "class_exists",
                _("There is already a class “%(name)s”.") % {"name": name},
                field="name",
            )
        taken = {other.key for other in others}
        label = LabelClass.objects.create(
            dataset=dataset,
            name=name,
            position=len(others),
            colour=len(others) % COLOURS,
            key=_free_key(name, taken),
        )
        _adopt_claims(label)
    return label


def _free_key(name: str, taken: set[str]) -> str:
    own = name.lower() if len(name) == 1 and name.lower() not in COMMAND_KEYS else ""
    return next((key for key in own + KEYS if key not in taken), "")


def _adopt_claims(label: LabelClass) -> None:
    """Samples still without a class whose folder has this name get the label now."""
    waiting = Sample.objects.filter(dataset=label.dataset, label=None).exclude(claimed_class="")
    names = {
        name
        for name in waiting.values_list("claimed_class", flat=True).distinct()
        if class_key(name) == class_key(label.name)
    }
    ours = change_samples(waiting.filter(claimed_class__in=names), label=label, claimed_class="")
    role = Annotation.As.UPLOADER
    Annotation.objects.bulk_create(
        (
            Annotation(sample=sample, label=label, by_id=sample.contributor_id, role=role)
            for sample in ours
        ),
        batch_size=1000,
    )


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
