"""Sending one: over the API and on the page."""

import io
import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.datasets.ingest.manifest import (
    COLUMNS,
)
from apps.datasets.models import (
    ManifestRow,
)
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.manifests.steps import HEAD, TABLE, send, use

# ---- over the API


@pytest.fixture
def api(cast: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(cast.ben)
    return client


def test_the_api(api: APIClient, batch: Any, cast: Any) -> None:
    path = f"/api/contributions/{batch.uuid}/manifest/"

    def put(text: str, query: str = "") -> Any:
        return api.put(path + query, text.encode(), content_type="text/csv")

    assert (api.get(path).status_code, api.get(path).json()["code"]) == (404, "no_manifest")
    wrong = put(HEAD + "1.png,cat,,,WTFPL,\n", "?dry_run=yes")
    assert (wrong.status_code, wrong.json()["usable"]) == (200, False)
    assert wrong.json()["problems"][0]["line"] == 2
    assert "WTFPL" in wrong.json()["problems"][0]["detail"]
    refused = put(HEAD + "1.png,cat,,,WTFPL,\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "manifest_problems")
    assert refused.json()["problems"][0]["code"] == "unknown_licence"
    assert put(TABLE, "?dry_run=perhaps").json()["code"] == "invalid_filter"
    assert put(TABLE, "?dry_run=yes").json()["rows"] == 2
    assert not ManifestRow.objects.exists()

    used = put(TABLE)
    assert (used.status_code, used.json()["rows"]) == (200, 2)
    assert {part["name"]: part["rows"] for part in used.json()["classes"]} == {"dog": 1, "cat": 1}
    more = api.post(f"{path}?folder=b", b"file\n3.png\n", content_type="text/csv")
    assert more.status_code == 200
    against = api.post(f"{path}?folder=b", b"file,label\n3.png,cat\n", content_type="text/csv")
    assert (against.status_code, against.json()["code"]) == (400, "manifest_problems")
    assert api.get(path).json()["rows"] == 3
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


# ---- on the page


def page_of(batch: Any) -> str:
    return f"/contributions/{batch.uuid}/manifest/"


def upload(client: Any, batch: Any, text: str, do: str, **options: Any) -> Any:
    file = io.BytesIO(text.encode())
    file.name = "manifest.csv"
    return client.post(page_of(batch), {"manifest": file, "do": do}, **options)


def test_the_plain_form_checks_and_uses(batch: Any, cast: Any, browser_of: Any) -> None:
    ben = browser_of(cast.ben)
    page = ben.get(f"/contributions/{batch.uuid}/").content.decode()
    assert "filename,label,group,source,licence,split" in page
    assert "100,000 rows" in page

    page = upload(ben, batch, HEAD + "1.png,lynx,,,WTFPL,\n", "check").content.decode()
    assert "1 line is wrong" in page
    assert "The licence “WTFPL” is not known here." in page
    page = upload(ben, batch, TABLE, "check").content.decode()
    assert "Nothing is changed yet" in page
    assert not ManifestRow.objects.exists()
    page = upload(ben, batch, TABLE, "use").content.decode()
    assert "2 rows are used." in page
    assert (
        "A manifest of 2 rows is in force."
        in ben.get(f"/contributions/{batch.uuid}/").content.decode()
    )
    page = ben.get(page_of(batch)).content.decode()
    assert "the barn" in page
    answer = ben.post(f"{page_of(batch)}remove/", follow=True).content.decode()
    assert "2 rows are removed." in answer
    assert not ManifestRow.objects.exists()


def test_a_script_gets_the_report_alone(batch: Any, cast: Any, browser_of: Any) -> None:
    ben = browser_of(cast.ben)
    answer = upload(ben, batch, TABLE, "check", headers={"HX-Request": "true"})
    assert "<main" not in answer.content.decode()
    assert ben.post(page_of(batch), {"do": "use"}).status_code == 400


def test_foreign_words_are_shown_as_words(batch: Any, cast: Any, browser_of: Any) -> None:
    payload = '<img src=x onerror=alert(1)>"\u202e{{ 7 }}'
    lines = json.dumps({"file": payload, "label": payload, "source": payload, payload: 1})
    for do in ("check", "use"):
        page = upload(browser_of(cast.ben), batch, lines, do).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
        assert "\u202e" not in page


def test_the_template_lists_what_has_arrived_and_can_be_sent_back(
    batch: Any, cast: Any, browser_of: Any, approve: Any, freeze: Any
) -> None:
    send(batch, {"cat/1.png": make_image(1), "lynx/=2.png": make_image(2), "=3.png": make_image(3)})
    client = browser_of(cast.ben)
    answer = client.get(f"/contributions/{batch.uuid}/manifest.csv")
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines() == [
        ",".join(COLUMNS),
        "cat/1.png,cat,,a garden,CC-BY-4.0,",
        "lynx/=2.png,lynx,,a garden,CC-BY-4.0,",
        "'=3.png,,,a garden,CC-BY-4.0,",
    ]
    report = use(batch, text)
    assert (report.arrived, report.missing, report.unnamed) == (3, 0, 0)
    assert report.before == {"same": 3}


def test_the_number_of_queries_does_not_grow(
    batch: Any, cast: Any, browser_of: Any, django_assert_max_num_queries: Any
) -> None:
    ben = browser_of(cast.ben)
    for rows in (1, 200):
        use(batch, "file,label\n" + "".join(f"{n}.png,class {n}\n" for n in range(rows)))
        with django_assert_max_num_queries(25):
            assert ben.get(f"/contributions/{batch.uuid}/").status_code == 200
        with django_assert_max_num_queries(25):
            assert ben.get(page_of(batch)).status_code == 200
