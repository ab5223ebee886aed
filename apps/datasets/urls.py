"""Addresses of the data side: its API here, its pages in page_urls."""

from django.urls import path

from apps.datasets import downloads
from apps.datasets.api import (
    changes,
    commenting,
    contributing,
    contributors,
    history,
    insights,
    labelling,
    leasing,
    lookalikes,
    manifests,
    reviewing,
    samples,
    shaping,
    uploads,
    versions,
    withdrawal,
)
from apps.datasets.page_urls import urlpatterns as pages

API = "api/datasets/<slug:slug>/"
PERSON = f"{API}contributors/<str:username>/"
BATCH = "api/contributions/<uuid:uuid>/"
CHANGE = f"{API}classes/changes/<int:change>/"

urlpatterns = [
    # First, because it is asked ten thousand times for ten thousand photos, and addresses are tried in order.
    path(f"{BATCH}file/", contributing.RawFile.as_view(), name="api_file"),
    *pages,
    path("media/<str:token>", downloads.media, name="media"),
    path(
        "datasets/<slug:slug>/versions/<int:number>/manifest.parquet",
        downloads.manifest,
        name="version_manifest",
    ),
    path(
        "datasets/<slug:slug>/versions/<int:number>/images.zip",
        downloads.images,
        name="version_images",
    ),
    path(
        "datasets/<slug:slug>/versions/<int:number>/manifest.csv",
        downloads.manifest_csv,
        name="version_manifest_csv",
    ),
    path(
        "datasets/<slug:slug>/versions/<int:number>/unsealed.csv",
        downloads.unsealed,
        name="version_unsealed",
    ),
    path("api/datasets/", shaping.Datasets.as_view(), name="api_datasets"),
    path(API, shaping.OneDataset.as_view(), name="api_dataset"),
    path(f"{API}classes/", shaping.Classes.as_view(), name="api_classes"),
    path(f"{API}classes/claimed/", shaping.ClaimedClasses.as_view(), name="api_claimed_classes"),
    path(f"{API}classes/changes/", changes.Changes.as_view(), name="api_changes"),
    path(CHANGE, changes.OneChange.as_view(), name="api_change"),
    path(f"{CHANGE}approve/", changes.ApproveChange.as_view(), name="api_change_approve"),
    path(f"{CHANGE}decline/", changes.DeclineChange.as_view(), name="api_change_decline"),
    path(f"{CHANGE}revert/", changes.RevertChange.as_view(), name="api_change_revert"),
    path(f"{API}members/", shaping.Members.as_view(), name="api_members"),
    path(f"{API}invitations/", shaping.Invitations.as_view(), name="api_invitations"),
    path(f"{API}contributions/", contributing.Contributions.as_view(), name="api_contributions"),
    path(f"{API}insights/", insights.Insights.as_view(), name="api_insights"),
    path(PERSON, contributors.OneContributor.as_view(), name="api_contributor"),
    path(f"{PERSON}rejected/", contributors.Rejected.as_view(), name="api_rejected"),
    path(f"{API}samples/", samples.Samples.as_view(), name="api_samples"),
    path(f"{API}reviews/", reviewing.Reviewable.as_view(), name="api_reviews"),
    path(f"{API}labels/", labelling.Labels.as_view(), name="api_labels"),
    path(f"{API}labels/undo/", labelling.UndoLabels.as_view(), name="api_labels_undo"),
    path(f"{API}reviews/batch/", leasing.Batches.as_view(), name="api_batches"),
    path("api/samples/<int:pk>/appeal/", leasing.Appeal.as_view(), name="api_appeal"),
    path(f"{API}reviews/undo/", reviewing.Undo.as_view(), name="api_undo"),
    path("api/samples/<int:pk>/lookalike/", lookalikes.Lookalike.as_view(), name="api_lookalike"),
    path("api/samples/<int:pk>/history/", history.History.as_view(), name="api_history"),
    path("api/samples/<int:pk>/comments/", commenting.Comments.as_view(), name="api_comments"),
    path("api/samples/<int:pk>/withdraw/", withdrawal.Withdraw.as_view(), name="api_withdraw"),
    path(f"{API}versions/", versions.Versions.as_view(), name="api_versions"),
    path(f"{API}versions/<int:number>/", versions.OneVersion.as_view(), name="api_version"),
    path(f"{API}versions/diff/", versions.Diff.as_view(), name="api_version_diff"),
    path(
        f"{API}versions/<int:number>/approve/",
        versions.ApproveVersion.as_view(),
        name="api_version_approve",
    ),
    path(
        f"{API}versions/<int:number>/discard/",
        versions.DiscardVersion.as_view(),
        name="api_version_discard",
    ),
    path(BATCH, contributing.OneContribution.as_view(), name="api_contribution"),
    path(f"{BATCH}files/", contributing.Files.as_view(), name="api_files"),
    path(f"{BATCH}uploads/", uploads.Uploads.as_view(), name="api_uploads"),
    path("api/uploads/<uuid:upload>/", uploads.OneUpload.as_view(), name="api_upload"),
    path(f"{BATCH}missing/", contributing.Missing.as_view(), name="api_missing"),
    path(f"{BATCH}manifest/", manifests.Manifest.as_view(), name="api_manifest"),
    path(f"{BATCH}reopen/", contributing.Reopen.as_view(), name="api_reopen"),
    path(f"{BATCH}receipts/", contributing.Receipts.as_view(), name="api_receipts"),
    path(f"{BATCH}finish/", contributing.Finish.as_view(), name="api_finish"),
    path(f"{BATCH}discard/", contributing.Discard.as_view(), name="api_discard"),
]
