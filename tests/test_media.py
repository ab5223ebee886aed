"""Images by signed address: bound to the member, expiring, and checked again when served."""

import time
from typing import Any

import pytest
from django.test import Client

from apps.datasets import actions
from apps.datasets.media import media_url
from apps.datasets.models import Membership, Sample
from apps.members.models import ApiToken


def status(client: Client, address: str) -> int:
    answer = client.get(address)
    list(answer)  # the end of the stream closes the file behind it
    return int(answer.status_code)


@pytest.fixture
def private(dataset: Any, cast: Any) -> Any:
    return actions.update_dataset(dataset, cast.ada, visibility="private")


def test_a_member_sees_the_image_tamely(samples: Any, cast: Any, browser_of: Any) -> None:
    answer = browser_of(cast.chen).get(media_url(samples[0], "image", cast.chen))
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content).startswith(b"\x89PNG")
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"].startswith("private")


def test_anothers_address_is_worthless(samples: Any, cast: Any, browser_of: Any) -> None:
    address = media_url(samples[0], "image", cast.chen)
    assert status(browser_of(cast.ada), address) == 403
    assert status(Client(), address) == 403
    assert status(browser_of(cast.chen), address[:-1] + "x") == 403
    assert status(browser_of(cast.chen), "/media/1.image.2.3") == 403


def test_an_address_expires(
    samples: Any, cast: Any, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = media_url(samples[0], "thumbnail", cast.chen)
    now = time.time()
    monkeypatch.setattr("apps.datasets.media.time.time", lambda: now + 7201)
    assert status(browser_of(cast.chen), address) == 403


def test_who_lost_the_membership_lost_the_images(
    samples: Any, private: Any, cast: Any, browser_of: Any
) -> None:
    address = media_url(samples[0], "image", cast.chen)
    assert status(browser_of(cast.chen), address) == 200
    Membership.objects.filter(member=cast.chen).delete()
    assert status(browser_of(cast.chen), address) == 404


def test_withdrawn_is_gone(samples: Any, cast: Any, browser_of: Any) -> None:
    Sample.objects.filter(pk=samples[0].pk).update(status="withdrawn")
    address = media_url(samples[0], "image", cast.ada)
    assert status(browser_of(cast.ada), address) == 410


def test_a_token_fetches_files_too(samples: Any, private: Any, cast: Any) -> None:
    _token, secret = ApiToken.objects.create(user=cast.chen, name="script")
    address = media_url(samples[0], "image", cast.chen)
    answer = Client().get(address, headers={"Authorization": f"Token {secret}"})
    assert answer.status_code == 200
    list(answer)
    assert Client().get(address, headers={"Authorization": "Token nonsense"}).status_code == 401
