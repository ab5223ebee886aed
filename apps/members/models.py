"""User and ApiToken. Roles live with the dataset they are about (apps.datasets)."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken


class User(AbstractUser):  # type: ignore[django-manager-missing]
    """A member. Custom from the first migration, so that it can grow."""

    email = models.EmailField(_("email address"), unique=True)

    # Bytes this member may store; empty: the site's MEMBER_STORAGE_BYTES.
    storage_quota = models.BigIntegerField(_("storage quota, bytes"), null=True, blank=True)

    # Needed by allauth and the admin alike; the names are Django's.
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    def __str__(self) -> str:
        return self.username


class ApiToken(AbstractAuthToken):
    """A named API token: the secret is shown once, only its digest is kept."""

    name = models.CharField(_("name"), max_length=80)
    last_used = models.DateField(null=True, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "name"], name="one_token_per_name"),)

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"
