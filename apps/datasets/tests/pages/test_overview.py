"""A dataset's first page: who sees it, what it says, the next step by role."""

from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.datasets.guidelines import to_html
from apps.datasets.models import Dataset
from apps.datasets.reads import class_rows

OVERVIEW = "/datasets/pets/"


@pytest.mark.parametrize(
    ("visibility", "visitor", "outsider", "member"),
    [("public", 200, 200, 200), ("members", 404, 200, 200), ("private", 404, 404, 200)],
)
def test_who_sees_it(
    dataset: Dataset,
    cast: SimpleNamespace,
    browser_of: Any,
    visibility: str,
    visitor: int,
    outsider: int,
    member: int,
) -> None:
    Dataset.objects.update(visibility=visibility)

    for client, status in (
        (Client(), visitor),
        (browser_of(cast.dana), outsider),
        (browser_of(cast.ben), member),
    ):
        for name in ("dataset", "samples", "versions"):
            assert client.get(reverse(name, args=["pets"])).status_code == status


def test_the_next_step_depends_on_the_role(
    samples: Any, approve: Any, freeze: Any, cast: SimpleNamespace, browser_of: Any
) -> None:
    def next_step(member: Any) -> str:
        page = browser_of(member).get(OVERVIEW).content.decode()
        return page.split("next-step")[1].split("</section>")[0]

    assert reverse("review", args=["pets"]) in next_step(cast.chen)
    assert "10 samples wait for a reviewer" in next_step(cast.ben)
    assert "ask an owner" in next_step(cast.dana)
    approve(samples)
    assert reverse("versions", args=["pets"]) in next_step(cast.ada)
    freeze()
    assert reverse("version", args=["pets", 1]) in next_step(cast.ada)


def test_counts_by_class(dataset: Dataset, samples: Any, approve: Any) -> None:
    approve(samples[:4])

    rows = {row.name: (row.approved, row.pending, row.both_percent) for row in class_rows(dataset)}

    assert rows == {"cat": (2, 3, 100), "dog": (2, 3, 100)}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](https://elsewhere.example/x.png)",
        '<a href="data:text/html,x">x</a>',
        "[x](data:text/html,x)",
        '<p style="color:red" onclick="x()">x</p>',
        "[x](vbscript:x)",
    ],
)
def test_guidelines_are_harmless(text: str) -> None:
    found: list[tuple[str, str]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.extend([(tag, ""), *((tag, name) for name, _value in attrs)])

    Tags().feed(to_html(text))

    assert set(found) <= {("p", "")}


def test_guidelines_keep_what_markdown_is_for() -> None:
    html = to_html("# Rules\n\n- **4**: [open](https://example.org)\n\n|a|b|\n|-|-|\n|1|2|\n")

    assert "<h3>Rules</h3>" in html
    assert "<strong>4</strong>" in html
    assert 'rel="nofollow noopener noreferrer"' in html
    assert "<td>1</td>" in html
