"""Who may reach what: every route of the site × every kind of person, from the URL conf itself.

The dataset here is private. A route without a row fails, and so does a row without a route.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.signing import Signer
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from apps.datasets import actions
from apps.datasets.media import media_url
from apps.datasets.models import Membership, Role, SchemaChange
from apps.datasets.tests.cast import make_image
from apps.jobs.tests.stage import make_job, make_version

# From least to most; each may do what the ones before it may.
RANKS = ["anyone", "member", "contributor", "reviewer", "maintainer", "owner"]
PEOPLE = {
    "anonymous": "anyone",
    "dana": "member",
    "ben": "contributor",
    "chen": "reviewer",
    "mara": "maintainer",
    "ada": "owner",
    "otto": "owner",  # the operator
}
# name: (method, least rank). "own": contributor, but only of this very thing (Ben's).
ROUTES: dict[str, tuple[str, str]] = {
    "home": ("get", "anyone"),
    "datasets": ("get", "anyone"),
    "dataset_new": ("get", "member"),
    "dataset": ("get", "contributor"),
    "dataset_edit": ("get", "maintainer"),
    "classes": ("get", "contributor"),
    "classes_claimed": ("post", "maintainer"),
    "class_edit": ("post", "maintainer"),
    "change_new": ("get", "maintainer"),
    "changes": ("get", "contributor"),
    "change": ("get", "contributor"),
    "change_live": ("get", "contributor"),
    "change_approve": ("post", "maintainer"),
    "change_decline": ("post", "maintainer"),
    "change_revert": ("post", "maintainer"),
    "people": ("get", "contributor"),
    "role_set": ("post", "owner"),
    "member_remove": ("post", "owner"),
    "invitation_revoke": ("post", "maintainer"),
    "invitation": ("get", "member"),
    "contribute": ("get", "contributor"),
    "contribution": ("get", "own or reviewer"),
    "receipts_csv": ("get", "own or reviewer"),
    "contribution_reopen": ("post", "own"),
    "contribution_manifest": ("get", "own or reviewer"),
    "contribution_manifest_drop": ("post", "own"),
    "manifest_template": ("get", "own or reviewer"),
    "api_manifest": ("put", "own"),
    "api_missing": ("post", "own"),
    "api_uploads": ("post", "own"),
    "api_upload": ("head", "own"),
    "api_file": ("put", "own"),
    "api_reopen": ("post", "own"),
    "contribution_live": ("get", "own or reviewer"),
    "contribution_files": ("post", "own"),
    "contribution_finish": ("post", "own"),
    "contribution_discard": ("post", "own"),
    "version_diff": ("get", "contributor"),
    "api_version_diff": ("get", "contributor"),
    "version_card": ("get", "contributor"),
    "version_readme": ("get", "contributor"),
    "version_croissant": ("get", "contributor"),
    "version_export": ("post", "contributor"),
    "version_parquet": ("get", "contributor"),
    "dataset_unseal": ("post", "owner"),
    "version_unsealed": ("get", "contributor"),
    "version_manifest_csv": ("get", "contributor"),
    "review": ("get", "reviewer"),
    "review_undo": ("post", "reviewer"),
    "lookalikes": ("get", "reviewer"),
    "sample_comment": ("post", "contributor"),
    "api_comments": ("get", "contributor"),
    "label": ("get", "contributor"),
    "label_undo": ("post", "contributor"),
    "label_next": ("post", "contributor"),
    "review_next": ("post", "reviewer"),
    "api_labels": ("post", "contributor"),
    "api_labels_undo": ("post", "contributor"),
    "review_return": ("post", "reviewer"),
    "policy": ("get", "maintainer"),
    "sample_appeal": ("post", "own"),
    "api_batches": ("post", "reviewer"),
    "api_appeal": ("post", "own"),
    "api_lookalike": ("post", "reviewer"),
    "samples": ("get", "contributor"),
    "insights": ("get", "contributor"),
    "insights_csv": ("get", "contributor"),
    "contributor": ("get", "contributor"),
    "lookalike_groups": ("get", "contributor"),
    "api_insights": ("get", "contributor"),
    "api_contributor": ("get", "contributor"),
    "api_rejected": ("get", "own or reviewer"),
    "api_history": ("get", "contributor"),
    "sample": ("get", "contributor"),
    "sample_withdraw": ("get", "own or maintainer"),
    "contribution_withdraw": ("get", "own or maintainer"),
    "version_tombstones": ("get", "contributor"),
    "api_withdraw": ("post", "own or maintainer"),
    "versions": ("get", "contributor"),
    "version": ("get", "contributor"),
    "version_live": ("get", "contributor"),
    "version_approve": ("post", "maintainer"),
    "version_discard": ("post", "maintainer"),
    "version_retire": ("post", "maintainer"),
    "media": ("get", "contributor"),
    "version_manifest": ("get", "contributor"),
    "version_images": ("get", "contributor"),
    "jobs": ("get", "contributor"),
    "job_new": ("get", "contributor"),
    "job_plan": ("get", "contributor"),
    "job": ("get", "contributor"),
    "job_live": ("get", "contributor"),
    "job_approve": ("post", "maintainer"),
    "job_reject": ("post", "maintainer"),
    "job_cancel": ("post", "own or maintainer"),
    "workers": ("get", "member"),
    "leaderboard": ("get", "contributor"),
    "api_datasets": ("get", "anyone"),
    "api_dataset": ("get", "contributor"),
    "api_classes": ("post", "maintainer"),
    "api_claimed_classes": ("post", "maintainer"),
    "api_changes": ("get", "contributor"),
    "api_change": ("get", "contributor"),
    "api_change_approve": ("post", "maintainer"),
    "api_change_decline": ("post", "maintainer"),
    "api_change_revert": ("get", "maintainer"),
    "api_members": ("get", "contributor"),
    "api_invitations": ("post", "maintainer"),
    "api_contributions": ("get", "contributor"),
    "api_samples": ("get", "contributor"),
    "api_reviews": ("get", "reviewer"),
    "api_undo": ("post", "reviewer"),
    "api_versions": ("get", "contributor"),
    "api_version": ("get", "contributor"),
    "api_version_approve": ("post", "maintainer"),
    "api_version_discard": ("post", "maintainer"),
    "api_contribution": ("get", "own or reviewer"),
    "api_files": ("post", "own"),
    "api_receipts": ("get", "own or reviewer"),
    "api_finish": ("post", "own"),
    "api_discard": ("post", "own"),
    "api_jobs": ("get", "contributor"),
    "api_job": ("get", "contributor"),
    "api_job_approve": ("post", "maintainer"),
    "api_job_reject": ("post", "maintainer"),
    "api_job_cancel": ("post", "own or maintainer"),
    "api_job_events": ("get", "contributor"),
    "api_artifacts": ("get", "contributor"),
    "api_artifact": ("get", "contributor"),
    "api_leaderboard": ("get", "contributor"),
    "account": ("get", "member"),
    "tokens": ("get", "member"),
    "token_new": ("get", "member"),
    "token_revoke": ("post", "member"),
    "api_me": ("get", "member"),
    "api_tokens": ("get", "member"),
    "api_token": ("delete", "member"),
    "api_schema": ("get", "anyone"),
    "api_docs": ("get", "anyone"),
    "set_language": ("post", "anyone"),
    "healthz": ("get", "anyone"),
    "readyz": ("get", "anyone"),
}
# What a route needs before it looks at who asks.
BODIES: dict[str, dict[str, str]] = {
    "api_classes": {"name": "bird"},
    "api_invitations": {"role": "contributor"},
    "api_change_decline": {"why": "no"},
    "api_job_reject": {"reason": "no"},
    "job_reject": {"reason": "no"},
    "api_labels": {"labels": "none"},
    "api_labels_undo": {"batch": "00000000-0000-0000-0000-000000000000"},
    "api_undo": {"batch": "00000000-0000-0000-0000-000000000000"},
    "sample_comment": {"text": "a cat"},
    "api_missing": {"files": "none"},
    "api_withdraw": {"why": "taken down"},
    "api_lookalike": {"verdict": "apart"},
    "api_appeal": {"note": "it is fine"},
    "sample_appeal": {"note": "it is fine"},
}
# allauth's and the admin's own routes: theirs to guard; ours is that the admin needs staff (below).
LIBRARIES = ("account_", "mfa_", "usersessions_")
REFUSED = {302, 401, 403, 404}
# With a body that no form accepts, or a state that no action takes, the door was open all the same.
OPEN = {200, 201, 204, 302, 304, 400, 409, 412, 415}
# Nothing there for anybody: the job has no such artifact, the token no such key.
MISSING = {"api_upload", "api_artifact", "api_token", "token_revoke"}
# Asked without a file they say so before they say whose it is; test_receive_file has the rule.
NEED_A_FILE = {"api_files", "contribution_files", "api_missing", "api_file", "api_uploads"}


def patterns(found: Any, prefix: str = "") -> Iterator[str]:
    for each in found:
        if isinstance(each, URLPattern):
            yield str(each.name)
        elif each.app_name != "admin":
            yield from patterns(each.url_patterns)


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    routes = {
        name for name in patterns(get_resolver().url_patterns) if not name.startswith(LIBRARIES)
    }
    assert routes == set(ROUTES)


@pytest.fixture
def place(dataset: Any, cast: Any, contribute: Any, django_user_model: Any) -> SimpleNamespace:
    """A private dataset with one of everything; the contribution and the job are Ben's."""
    actions.update_dataset(dataset, cast.ada, visibility="private")
    cast.mara = django_user_model.objects.create_user("mara", "mara@example.org", "x")
    Membership.objects.create(dataset=dataset, member=cast.mara, role=Role.MAINTAINER)
    contribution = contribute({"cat/1.png": make_image(1)})
    # Frozen by somebody who has left: any maintainer may approve it.
    version = make_version(dataset, cast.dana)
    invitation, token = actions.invite(dataset, cast.ada, Role.CONTRIBUTOR)
    return SimpleNamespace(
        cast=cast,
        contribution=contribution,
        sample=contribution.samples.get(),
        job=make_job(version, cast.ben),
        invitation=invitation,
        token=token,
        membership=Membership.objects.get(dataset=dataset, member=cast.chen),
        label=dataset.classes.first(),
        # Proposed by somebody who has left: any maintainer may approve it.
        change=SchemaChange.objects.create(
            dataset=dataset,
            kind="rename",
            label=dataset.classes.first(),
            by=cast.dana,
            old_name="cat",
            new_name="feline",
            facts={"added": []},
        ),
    )


def address(name: str, place: SimpleNamespace, user: Any) -> str:
    if name == "media":
        return media_url(place.sample, "thumbnail", user or SimpleNamespace(pk=None))
    arguments = {
        "slug": "pets",
        "number": 1,
        "username": "ben",
        "uuid": place.job.uuid if "job" in name or "artifact" in name else place.contribution.uuid,
        "token": place.token,
        "token_key": "nothing",
        "role": "weights",
        "upload": "00000000-0000-0000-0000-000000000000",
        "label": place.label.pk,
        "change": place.change.pk,
    }
    keys = {
        "sample": place.sample.pk,
        "sample_withdraw": place.sample.pk,
        "api_withdraw": place.sample.pk,
        "sample_comment": place.sample.pk,
        "api_comments": place.sample.pk,
        "api_history": place.sample.pk,
        "api_lookalike": place.sample.pk,
        "api_appeal": place.sample.pk,
        "sample_appeal": place.sample.pk,
        "class_edit": place.label.pk,
        "role_set": place.membership.pk,
        "member_remove": place.membership.pk,
        "invitation_revoke": place.invitation.pk,
    }
    if name in keys:
        arguments["pk"] = keys[name]
    wanted = get_resolver().reverse_dict.getlist(name)[0][0][0][1]
    return reverse(name, kwargs={key: arguments[key] for key in wanted})


def allowed(person: str, least: str) -> bool:
    if least.split()[0] == "own":
        over = least.removeprefix("own").removeprefix(" or ")
        return person == "ben" or (bool(over) and allowed(person, over))
    return RANKS.index(PEOPLE[person]) >= RANKS.index(least)


def ask(client: Client, name: str, method: str, path: str) -> int:
    """The status, with whatever was changed undone."""
    body = BODIES.get(name, {})
    options = {"content_type": "application/json"} if path.startswith("/api/") and body else {}
    with transaction.atomic():
        answer = getattr(client, method)(path, body, **options)
        if answer.streaming:
            list(answer)
        transaction.set_rollback(True)
    return int(answer.status_code)


@pytest.mark.parametrize("person", PEOPLE)
def test_the_door_is_open_or_shut(place: SimpleNamespace, browser_of: Any, person: str) -> None:
    user = getattr(place.cast, person, None)
    client = browser_of(user) if user else Client()
    client.raise_request_exception = False
    wrong = []
    for name, (method, least) in ROUTES.items():
        if name in {"version_manifest", "version_images"} and allowed(person, least):
            continue  # the version's row has no bytes here; test_freeze_version downloads real ones
        status = ask(client, name, method, address(name, place, user))
        if allowed(person, least):
            fine = status in OPEN or (status == 404 and name in MISSING)
        else:
            hidden = PEOPLE[person] == "member" and least not in {"anyone", "member"}
            fine = status == 404 if hidden else status in REFUSED
            fine = fine or (status == 400 and name in NEED_A_FILE and not hidden and bool(user))
        if not fine:
            wrong.append(f"{name} ({method}, {least}): {status}")
    assert not wrong


def test_the_admin_is_for_staff(place: SimpleNamespace, browser_of: Any) -> None:
    assert browser_of(place.cast.ada).get("/admin/").status_code == 302
    assert browser_of(place.cast.otto).get("/admin/").status_code == 200


def test_a_signature_of_something_else_opens_no_image(
    place: SimpleNamespace, browser_of: Any
) -> None:
    forged = Signer(salt="other").sign(f"{place.sample.pk}.image.{place.cast.ada.pk}.99999999999")
    assert browser_of(place.cast.ada).get(f"/media/{forged}").status_code == 403
