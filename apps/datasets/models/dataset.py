"""Dataset, its classes, its members with their roles, and invitations."""

import secrets
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class TaskKind(models.TextChoices):
    IMAGE_CLASSIFICATION = "image_classification", _("Image classification")
    TEXT_CLASSIFICATION = "text_classification", _("Text classification")


class Policy(models.TextChoices):
    """What settles a sample."""

    SINGLE = "single", _("One reviewer decides")
    CONSENSUS = "consensus", _("Several people label it independently")


class Support(models.TextChoices):
    """More than this share of a sample's labels must agree. Kept as the fraction it is."""

    HALF = "1/2", _("more than a half")
    TWO_THIRDS = "2/3", _("more than two thirds")
    THREE_QUARTERS = "3/4", _("more than three quarters")


class Visibility(models.TextChoices):
    PUBLIC = "public", _("Public: anyone may look")
    MEMBERS = "members", _("Members: anyone with an account may look")
    PRIVATE = "private", _("Private: only people invited to it")


class Licence(models.TextChoices):
    """SPDX identifiers that suit data. The label is the licence's own name, not translated."""

    CC0 = "CC0-1.0", "CC0 1.0 Universal"
    CC_BY = "CC-BY-4.0", "Creative Commons Attribution 4.0"
    CC_BY_SA = "CC-BY-SA-4.0", "Creative Commons Attribution ShareAlike 4.0"
    CC_BY_NC = "CC-BY-NC-4.0", "Creative Commons Attribution NonCommercial 4.0"
    CDLA_PERMISSIVE = "CDLA-Permissive-2.0", "Community Data License Agreement Permissive 2.0"
    ODC_BY = "ODC-By-1.0", "Open Data Commons Attribution 1.0"
    MIT = "MIT", "MIT License"
    PROPRIETARY = "LicenseRef-Proprietary", "LicenseRef-Proprietary"

    @classmethod
    def spelled(cls, text: str) -> "Licence | None":
        """The licence that a file means by its identifier or name, whatever case and spaces."""
        wanted = "-".join(text.casefold().replace("_", " ").split())
        for each in cls:
            if wanted in {each.value.casefold(), "-".join(each.label.casefold().split())}:
                return each
        return None


class Role(models.TextChoices):
    """Ordered from most to least; each implies the ones after it (see `permissions.py`)."""

    OWNER = "owner", _("Owner")
    MAINTAINER = "maintainer", _("Maintainer")
    REVIEWER = "reviewer", _("Reviewer")
    CONTRIBUTOR = "contributor", _("Contributor")


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: Any) -> "DatasetQuerySet":
        """Public ones for anybody, members' ones with an account, private ones by membership."""
        if not user.is_authenticated:
            return self.filter(visibility=Visibility.PUBLIC)
        if user.is_superuser:
            return self.all()
        return self.filter(
            models.Q(visibility__in=[Visibility.PUBLIC, Visibility.MEMBERS])
            | models.Exists(Membership.objects.filter(dataset=models.OuterRef("pk"), member=user))
        )


def _new_salt() -> str:
    return secrets.token_hex(16)


def _new_key() -> str:
    return secrets.token_hex(32)


class Dataset(models.Model):
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=120)
    summary = models.CharField(_("summary"), max_length=300, blank=True)
    guidelines = models.TextField(_("labelling guidelines"), blank=True)
    licence = models.CharField(_("licence"), max_length=40, choices=Licence.choices)
    agreement = models.TextField(_("data-use agreement"), blank=True)
    task = models.CharField(
        _("task"), max_length=30, choices=TaskKind.choices, default=TaskKind.IMAGE_CLASSIFICATION
    )
    visibility = models.CharField(
        _("visibility"), max_length=10, choices=Visibility.choices, default=Visibility.MEMBERS
    )
    flips_preserve_labels = models.BooleanField(
        _("a mirrored image keeps its class"), default=False
    )
    # Shares of the groups that no contribution declares a split for; what is left is for training.
    validation_percent = models.PositiveSmallIntegerField(
        _("validation share, %"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(40)],
    )
    test_percent = models.PositiveSmallIntegerField(
        _("test share, %"), default=10, validators=[MinValueValidator(1), MaxValueValidator(40)]
    )
    split_salt = models.CharField(max_length=32, default=_new_salt, editable=False)
    policy = models.CharField(
        _("review policy"), max_length=10, choices=Policy.choices, default=Policy.SINGLE
    )
    # With consensus: how many labels at least, how many at most before an expert decides.
    labels_needed = models.PositiveSmallIntegerField(
        _("labels needed"), default=2, validators=[MinValueValidator(2), MaxValueValidator(9)]
    )
    support = models.CharField(
        _("agreement needed"), max_length=4, choices=Support.choices, default=Support.TWO_THIRDS
    )
    labels_max = models.PositiveSmallIntegerField(
        _("labels at most"), default=5, validators=[MinValueValidator(2), MaxValueValidator(15)]
    )
    # Versions frozen while this is on keep the labels of their test split to themselves.
    seals_test = models.BooleanField(_("seal the labels of the test split"), default=False)
    seal_key = models.CharField(max_length=64, default=_new_key, editable=False)
    unsealed_at = models.DateTimeField(null=True, editable=False)
    # The parts of the dataset card that only people can write.
    motivation = models.TextField(_("why it exists"), blank=True)
    limitations = models.TextField(_("what it must not be used for"), blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("title", "pk")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(visibility__in=Visibility.values), name="dataset_visibility"
            ),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def holds_texts(self) -> bool:
        return self.task == TaskKind.TEXT_CLASSIFICATION

    @property
    def current_classes(self) -> "list[LabelClass]":
        """As `classes.current()`, of what was prefetched where it was."""
        return [label for label in self.classes.all() if label.retired_at is None]


class LabelClassQuerySet(models.QuerySet["LabelClass"]):
    def current(self) -> "LabelClassQuerySet":
        """Classes that a sample may get now; a merged or split one stays only for history."""
        return self.filter(retired_at=None)


class LabelClass(models.Model):
    """A class of the dataset. `colour` is an index into the palette of the style sheet."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="classes")
    name = models.CharField(_("name"), max_length=80)
    colour = models.PositiveSmallIntegerField(
        _("colour"), default=0, validators=[MaxValueValidator(11)]
    )
    key = models.CharField(_("key"), max_length=1, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    # Earlier names, and those of classes merged into this one: folders that claim them mean it.
    aliases = models.JSONField(default=list, blank=True)
    # Set by a merge or a split (see SchemaChange); a retired class takes no new samples.
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[Any] = LabelClassQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["dataset", "name"],
                condition=models.Q(retired_at=None),
                name="class_name_once",
            ),
            models.UniqueConstraint(
                fields=["dataset", "key"], condition=~models.Q(key=""), name="class_key_once"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="memberships")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)
    joined_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=["dataset", "member"], name="member_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="known_role"),
        )

    def __str__(self) -> str:
        return f"{self.member}: {self.role}"


class Invitation(models.Model):
    """A link that gives a role. Only the token's digest is kept; the link is shown once."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="invitations")
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.dataset}: {self.role}"
