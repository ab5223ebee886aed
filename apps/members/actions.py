"""Rules about members: their API tokens, and the operator of a new site."""

import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.errors import RuleError, invalid
from apps.members.models import ApiToken, User

MAX_TOKENS = 50
OPERATOR = "operator"


def create_token(member: User, name: str) -> tuple[ApiToken, str]:
    """A named token and its secret. The secret is kept nowhere: whoever asked sees it only now."""
    name = " ".join(name.split())
    if not name or len(name) > ApiToken._meta.get_field("name").max_length:
        raise invalid(
            "token_name", _("Give the token a name of at most 80 characters."), field="name"
        )
    if ApiToken.objects.filter(user=member).count() >= MAX_TOKENS:
        text = _("You have %(limit)s tokens, which is the limit. Revoke one that is not used.")
        raise RuleError("too_many_tokens", text % {"limit": MAX_TOKENS})
    try:
        with transaction.atomic():
            token, secret = ApiToken.objects.create(user=member, name=name)
    except IntegrityError:
        text = _("You already have a token “%(name)s”. Choose another name, or revoke that one.")
        raise invalid("token_name_taken", text % {"name": name}, field="name") from None
    return token, str(secret)


def revoke_token(member: User, token_key: str) -> str:
    """End a token at once; returns its name. Only its owner's tokens are found."""
    found = ApiToken.objects.filter(user=member, token_key=token_key)
    names = list(found.values_list("name", flat=True))
    if not names:
        text = _("There is no such token among yours (any more). Reload the page.")
        raise RuleError("no_such_token", text, status=404)
    found.delete()
    return str(names[0])


def create_operator(email: str) -> tuple[Any, str] | None:
    """The first superuser and its random password; None where there is a superuser already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(15)
    with transaction.atomic():
        operator = User.objects.create_superuser(OPERATOR, email, password)
        EmailAddress.objects.create(user=operator, email=email, primary=True, verified=True)
    return operator, password
