"""Comments on a sample: by members only, escaped, kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.datasets import actions
from apps.datasets.models import Comment
from apps.errors import RuleError


def test_on_the_page(cast: Any, samples: Any, browser_of: Any) -> None:
    path = f"/samples/{samples[0].pk}/"
    ben = browser_of(cast.ben)
    assert "commented" not in ben.get(path).content.decode()
    ben.post(f"{path}comment/", {"text": " a <b>cat</b>\nin the rain "})

    page = browser_of(cast.chen).get(path).content.decode()
    assert "a &lt;b&gt;cat&lt;/b&gt;" in page
    assert Comment.objects.get().by == cast.ben


def test_over_the_api(cast: Any, samples: Any, browser_of: Any) -> None:
    address = f"/api/samples/{samples[0].pk}/comments/"
    body = {"text": "blurred"}
    made = browser_of(cast.ben).post(address, body, content_type="application/json")
    assert made.status_code == 201
    found = browser_of(cast.chen).get(address).json()["results"]
    assert [(each["by"], each["text"]) for each in found] == [("ben", "blurred")]
    assert browser_of(cast.dana).get(address).status_code == 403


def test_limits(cast: Any, samples: Any) -> None:
    sample = samples[0]
    for text in ("", "   ", "x" * 2001):
        with pytest.raises(RuleError) as refusal:
            actions.comment_on(sample, cast.ben, text)
        assert refusal.value.code == "comment_text"
    actions.comment_on(sample, cast.ben, "x\r\n" * 999 + "xx")
    actions.comment_on(sample, cast.ben, "x")
    with pytest.raises(RuleError):
        actions.comment_on(sample, cast.dana, "hello")
    for _n in range(8):
        actions.comment_on(sample, cast.ben, "again")
    with pytest.raises(RuleError) as refusal:
        actions.comment_on(sample, cast.ben, "once more")
    assert refusal.value.code == "too_many_comments"
    Comment.objects.update(at=Now() - timedelta(seconds=50))
    with pytest.raises(RuleError, match="too_many_comments"):
        actions.comment_on(sample, cast.ben, "in the same minute")
    Comment.objects.update(at=Now() - timedelta(minutes=1))
    actions.comment_on(sample, cast.ben, "a minute later")


@pytest.mark.parametrize(("length", "status"), [(2000, 201), (2001, 400)])
def test_its_length_over_the_api(
    cast: Any, samples: Any, browser_of: Any, length: int, status: int
) -> None:
    address = f"/api/samples/{samples[0].pk}/comments/"
    body = {"text": "x" * length}
    sent = browser_of(cast.ben).post(address, body, content_type="application/json")
    assert sent.status_code == status
