"""A named token: its secret is shown once, after the password was given again."""

from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from apps.errors import RuleError
from apps.members.actions import MAX_TOKENS, create_token
from apps.members.models import ApiToken

PASSWORD = "a long enough test password"


def log_in(client: Client) -> None:
    """As a member does who then confirms that it is them."""
    client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def secret_in(page: str) -> str:
    return page.split("data-secret>")[1].split("<")[0]


def test_the_secret_is_in_one_answer_and_nowhere_else(
    client: Client, cast: SimpleNamespace
) -> None:
    log_in(client)

    answer = client.post(reverse("token_new"), {"name": "laptop"})
    secret = secret_in(answer.content.decode())

    assert (
        client.get(reverse("api_me"), headers={"Authorization": f"Token {secret}"}).status_code
        == 200
    )
    assert "no-store" in answer.headers["Cache-Control"]
    assert secret not in client.get(reverse("tokens")).content.decode()
    assert not ApiToken.objects.filter(digest__contains=secret).exists()


def test_the_password_is_asked_for_again(client: Client, cast: SimpleNamespace) -> None:
    client.post(reverse("account_login"), {"login": "ben", "password": PASSWORD})

    asked = client.post(reverse("token_new"), {"name": "laptop"})
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert not ApiToken.objects.exists()

    # What was asked for goes on once the password is right.
    answer = client.post(asked.url, {"password": PASSWORD, "next": reverse("token_new")})
    assert secret_in(answer.content.decode())
    assert ApiToken.objects.get().name == "laptop"


def test_a_name_is_taken_once_per_member(client: Client, cast: SimpleNamespace) -> None:
    create_token(cast.ben, "laptop")
    create_token(cast.ada, "laptop")
    log_in(client)

    page = client.post(reverse("token_new"), {"name": " laptop "})

    assert "already have a token" in str(page.context["form"].errors["name"])
    assert ApiToken.objects.filter(user=cast.ben).count() == 1


@pytest.mark.parametrize("name", ["", "   ", "n" * 81])
def test_it_needs_a_name(cast: SimpleNamespace, name: str) -> None:
    with pytest.raises(RuleError, match="token_name"):
        create_token(cast.ben, name)


def test_its_name_has_up_to_eighty_characters(cast: SimpleNamespace) -> None:
    for name in ("n", "n" * 80):
        assert create_token(cast.ben, name)[0].name == name


def test_there_is_a_limit(cast: SimpleNamespace) -> None:
    for number in range(MAX_TOKENS):
        create_token(cast.ben, f"token {number}")

    with pytest.raises(RuleError, match="too_many_tokens"):
        create_token(cast.ben, "one more")
