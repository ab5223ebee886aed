"""Addresses of the data side's pages."""

from django.urls import path
from django.urls.resolvers import URLPattern

from apps.datasets.pages import (
    card,
    contributing,
    diff,
    home,
    labelling,
    lookalikes,
    people,
    policy,
    reviewing,
    samples,
    shaping,
    versions,
    withdrawal,
)

ONE = "datasets/<slug:slug>/"
BATCH = "contributions/<uuid:uuid>/"
VERSION = f"{ONE}versions/<int:number>/"

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("datasets/", home.datasets, name="datasets"),
    path("datasets/new/", shaping.dataset_new, name="dataset_new"),
    path(ONE, shaping.dataset, name="dataset"),
    path(f"{ONE}edit/", shaping.dataset_edit, name="dataset_edit"),
    path(f"{ONE}classes/", shaping.classes, name="classes"),
    path(f"{ONE}classes/claimed/", shaping.classes_claimed, name="classes_claimed"),
    path(f"{ONE}classes/<int:pk>/", shaping.class_edit, name="class_edit"),
    path(f"{ONE}people/", people.people, name="people"),
    path(f"{ONE}people/<int:pk>/role/", people.role_set, name="role_set"),
    path(f"{ONE}people/<int:pk>/remove/", people.member_remove, name="member_remove"),
    path(f"{ONE}invitations/<int:pk>/revoke/", people.invitation_revoke, name="invitation_revoke"),
    path("invitations/<str:token>/", people.invitation, name="invitation"),
    path(f"{ONE}contribute/", contributing.contribute, name="contribute"),
    path(BATCH, contributing.contribution, name="contribution"),
    path(f"{BATCH}receipts.csv", contributing.receipts_csv, name="receipts_csv"),
    path(f"{BATCH}reopen/", contributing.contribution_reopen, name="contribution_reopen"),
    path(f"{BATCH}live/", contributing.contribution_live, name="contribution_live"),
    path(f"{BATCH}files/", contributing.contribution_files, name="contribution_files"),
    path(f"{BATCH}finish/", contributing.contribution_finish, name="contribution_finish"),
    path(f"{BATCH}discard/", contributing.contribution_discard, name="contribution_discard"),
    path(f"{ONE}label/", labelling.label, name="label"),
    path(f"{ONE}label/undo/", labelling.label_undo, name="label_undo"),
    path(f"{ONE}review/", reviewing.review, name="review"),
    path(f"{ONE}review/return/", reviewing.review_return, name="review_return"),
    path(f"{ONE}policy/", policy.policy, name="policy"),
    path("samples/<int:pk>/appeal/", reviewing.sample_appeal, name="sample_appeal"),
    path(f"{ONE}review/undo/", reviewing.review_undo, name="review_undo"),
    path(f"{ONE}lookalikes/", lookalikes.lookalikes, name="lookalikes"),
    path(f"{ONE}samples/", samples.samples, name="samples"),
    path("samples/<int:pk>/", samples.sample, name="sample"),
    path("samples/<int:pk>/withdraw/", withdrawal.sample_withdraw, name="sample_withdraw"),
    path(f"{BATCH}withdraw/", withdrawal.contribution_withdraw, name="contribution_withdraw"),
    path(f"{VERSION}tombstones.json", withdrawal.tombstones, name="version_tombstones"),
    path(f"{ONE}versions/", versions.versions, name="versions"),
    path(f"{ONE}versions/diff/", diff.version_diff, name="version_diff"),
    path(VERSION, versions.version, name="version"),
    path(f"{VERSION}card/", card.version_card, name="version_card"),
    path(f"{VERSION}README.md", card.version_readme, name="version_readme"),
    path(f"{VERSION}croissant.json", card.version_croissant, name="version_croissant"),
    path(f"{VERSION}export/", card.version_export, name="version_export"),
    path(f"{VERSION}parquet.zip", card.version_parquet, name="version_parquet"),
    path(f"{VERSION}live/", versions.version_live, name="version_live"),
    path(f"{VERSION}approve/", versions.version_approve, name="version_approve"),
    path(f"{VERSION}discard/", versions.version_discard, name="version_discard"),
    path(f"{ONE}unseal/", versions.dataset_unseal, name="dataset_unseal"),
    path(f"{VERSION}retire/", versions.version_retire, name="version_retire"),
]
