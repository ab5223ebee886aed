"""Forms about a member's own account."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.members.models import ApiToken


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """Uniqueness is the action's to check: it alone sees a race."""

    class Meta:
        model = ApiToken
        fields = ("name",)
        help_texts = {
            "name": _("What will use it, so that you know which one to revoke: “laptop”.")
        }
