"""Account pages: an overview, and API tokens. Passwords, TOTP and sessions are allauth's pages."""

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers, patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.errors import RuleError
from apps.members import actions
from apps.members.forms import TokenForm
from apps.members.models import ApiToken, User


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    context: dict[str, Any] = {
        "email": EmailAddress.objects.get_primary(user),
        "totp": is_mfa_enabled(user),
        "sessions": UserSession.objects.filter(user=user).count(),
        "tokens": ApiToken.objects.filter(user=user).count(),
    }
    return render(request, "members/account.html", context)


@require_safe
@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    mine = ApiToken.objects.filter(user=cast(User, request.user)).order_by("-created")
    return render(request, "members/tokens.html", {"tokens": mine})


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def token_new(request: HttpRequest) -> HttpResponse:
    """The secret is in the answer to the POST and nowhere else, so that answer is stored nowhere."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            token, secret = actions.create_token(
                cast(User, request.user), form.cleaned_data["name"]
            )
        except RuleError as error:
            form.add_error(error.facts.get("field"), error.message)
        else:
            response = render(
                request, "members/token_created.html", {"token": token, "secret": secret}
            )
            add_never_cache_headers(response)
            patch_cache_control(response, no_store=True)
            return response
    return render(request, "members/token_new.html", {"form": form})


@require_POST
@login_required
def token_revoke(request: HttpRequest, token_key: str) -> HttpResponse:
    name = actions.revoke_token(cast(User, request.user), token_key)
    messages.success(request, _("The token “%(name)s” no longer works.") % {"name": name})
    return redirect("tokens")
