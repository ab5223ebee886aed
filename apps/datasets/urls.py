"""Addresses of the data side: its API here, its pages in page_urls."""

from django.urls import path

from apps.datasets import api, downloads
from apps.datasets.page_urls import urlpatterns as pages

API = "api/datasets/<slug:slug>/"
BATCH = "api/contributions/<uuid:uuid>/"

urlpatterns = [
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
    path("api/datasets/", api.Datasets.as_view(), name="api_datasets"),
    path(API, api.OneDataset.as_view(), name="api_dataset"),
    path(f"{API}classes/", api.Classes.as_view(), name="api_classes"),
    path(f"{API}classes/claimed/", api.ClaimedClasses.as_view(), name="api_claimed_classes"),
    path(f"{API}members/", api.Members.as_view(), name="api_members"),
    path(f"{API}invitations/", api.Invitations.as_view(), name="api_invitations"),
    path(f"{API}contributions/", api.Contributions.as_view(), name="api_contributions"),
    path(f"{API}samples/", api.Samples.as_view(), name="api_samples"),
    path(f"{API}reviews/", api.Reviewable.as_view(), name="api_reviews"),
    path(f"{API}reviews/undo/", api.Undo.as_view(), name="api_undo"),
    path(f"{API}versions/", api.Versions.as_view(), name="api_versions"),
    path(f"{API}versions/<int:number>/", api.OneVersion.as_view(), name="api_version"),
    path(
        f"{API}versions/<int:number>/approve/",
        api.ApproveVersion.as_view(),
        name="api_version_approve",
    ),
    path(
        f"{API}versions/<int:number>/discard/",
        api.DiscardVersion.as_view(),
        name="api_version_discard",
    ),
    path(BATCH, api.OneContribution.as_view(), name="api_contribution"),
    path(f"{BATCH}files/", api.Files.as_view(), name="api_files"),
    path(f"{BATCH}receipts/", api.Receipts.as_view(), name="api_receipts"),
    path(f"{BATCH}finish/", api.Finish.as_view(), name="api_finish"),
    path(f"{BATCH}discard/", api.Discard.as_view(), name="api_discard"),
]
