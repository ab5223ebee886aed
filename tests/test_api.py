"""The API's manners: problem+json, authentication, CSRF, its own description."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.datasets.tests.cast import make_image
from apps.members.actions import create_token


def problem(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json", response.content
    found: dict[str, Any] = response.json()
    assert found["status"] == response.status_code
    assert found["code"] == found["title"]
    assert found["detail"]
    return found


@pytest.fixture
def api(cast: Any) -> Any:
    def of(member: Any) -> APIClient:
        client = APIClient(enforce_csrf_checks=True)
        client.force_authenticate(member)
        return client

    return of


def test_a_refusal_is_a_problem_with_a_code(api: Any, dataset: Any, cast: Any) -> None:
    answer = api(cast.dana).post("/api/datasets/pets/versions/", {})
    assert answer.status_code == 403
    assert problem(answer)["code"] == "role_required"
    answer = api(cast.ada).post("/api/datasets/pets/versions/", {})
    assert (answer.status_code, problem(answer)["code"]) == (409, "nothing_to_freeze")


def test_wrong_input_names_the_fields(api: Any, dataset: Any, cast: Any) -> None:
    answer = api(cast.ben).post("/api/datasets/pets/contributions/", {"licence": "WTFPL"})
    assert answer.status_code == 400
    assert problem(answer)["errors"].keys() == {"licence", "agreed"}


def test_a_body_has_its_size(dataset: Any, cast: Any, settings: Any, browser_of: Any) -> None:
    _token, secret = create_token(cast.ada, "a program")
    program = Client(headers={"Authorization": f"Token {secret}"})
    body = json.dumps({"guidelines": "x" * 100})
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(body)
    for client in (browser_of(cast.ada), program):
        sent = client.patch("/api/datasets/pets/", body, content_type="application/json")
        assert sent.status_code == 200
        over = client.patch("/api/datasets/pets/", body + " ", content_type="application/json")
        assert (over.status_code, problem(over)["code"]) == (413, "too_much_at_once")


def test_a_form_has_its_number_of_fields(
    dataset: Any, cast: Any, settings: Any, browser_of: Any
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    chen = browser_of(cast.chen)
    for samples, status in (([1, 2], 302), ([1, 2, 3], 413)):
        form = urlencode({"sample": samples, "decision": "accept"}, doseq=True)
        kind = "application/x-www-form-urlencoded"
        assert chen.post("/datasets/pets/review/", form, content_type=kind).status_code == status


def test_nothing_is_open_by_default(dataset: Any) -> None:
    for method, path in (
        ("get", "/api/datasets/pets/"),  # for members, not for the public
        ("get", "/api/datasets/pets/versions/"),
    ):
        answer = getattr(APIClient(), method)(path)
        assert answer.status_code == 404, path
        problem(answer)
    answer = APIClient().post("/api/datasets/", {"slug": "x"})
    assert answer.status_code in {401, 403}


def test_a_session_needs_the_csrf_token_and_loses_nothing(
    dataset: Any, cast: Any, samples: Any
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.chen, backend="allauth.account.auth_backends.AuthenticationBackend")
    body = json.dumps({"decisions": [{"sample": samples[0].pk, "decision": "accept"}]})
    path = "/api/datasets/pets/reviews/"
    answer = client.post(path, body, "application/json", headers={"X-CSRFToken": "wrong"})
    assert answer.status_code == 403
    assert "CSRF" in problem(answer)["detail"]
    page = client.post(reverse("account_logout"), {})
    assert page.status_code == 403
    assert b"reload the page" in page.content
    samples[0].refresh_from_db()
    assert samples[0].status == "pending"


def test_files_and_receipts_over_the_api(api: Any, dataset: Any, cast: Any) -> None:
    ben = api(cast.ben)
    opened = ben.post(
        "/api/datasets/pets/contributions/", {"licence": "CC-BY-4.0", "agreed": True}
    ).json()
    path = f"/api/contributions/{opened['uuid']}/"
    from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415 - one use

    for name, data in (("cat/1.png", make_image(1)), ("cat/bad.png", b"")):
        file = SimpleUploadedFile("x.png", data)
        answer = ben.post(f"{path}files/", {"file": file, "name": name}, format="multipart")
        assert answer.status_code == 201, answer.content
    assert ben.post(f"{path}finish/").json()["status"] == "processing"
    from apps.datasets.actions.ingesting import drain_ingest  # noqa: PLC0415 - one use

    drain_ingest()
    assert ben.get(path).json()["outcomes"] == {
        "waiting": 0,
        "accepted": 1,
        "fixed": 0,
        "duplicate": 0,
        "refused": 1,
        "unpacked": 0,
    }
    refused = ben.get(f"{path}receipts/?outcome=refused").json()["results"]
    assert [receipt["code"] for receipt in refused] == ["empty_file"]
    assert "empty" in refused[0]["reason"]
    assert problem(ben.get(f"{path}receipts/?outcome=nonsense"))["code"] == "invalid_filter"
    assert api(cast.dana).get(path).status_code == 403


def test_a_filter_reaches_no_other_table(api: Any, dataset: Any, cast: Any, samples: Any) -> None:
    ada = api(cast.ada)
    assert ada.get("/api/datasets/pets/samples/?label=1x").status_code == 400
    found = ada.get("/api/datasets/pets/samples/?contributor__password__startswith=p").json()
    assert len(found["results"]) == len(samples)


def test_the_description_names_every_endpoint(client: Any, db: None) -> None:
    schema = client.get("/api/schema/?format=json").json()
    paths = set(schema["paths"])
    assert {
        "/api/datasets/",
        "/api/datasets/{slug}/versions/{number}/approve/",
        "/api/contributions/{uuid}/files/",
        "/api/datasets/{slug}/jobs/",
        "/api/datasets/{slug}/leaderboard/",
    } <= paths
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert not re.search(rb"(src|href|action)=.https?://", page.content)
