"""A version's card: as a page, as README.md, as Croissant."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe
from zipstream import ZIP_STORED, ZipStream

from apps.datasets import actions, blobs
from apps.datasets.actions.exports import ready_export
from apps.datasets.card import readme, sections
from apps.datasets.croissant import croissant
from apps.datasets.downloads import frozen
from apps.datasets.guidelines import to_html
from apps.datasets.models import Version
from apps.datasets.pages.scope import frame
from apps.members.tokens import also_by_token


@require_safe
def version_card(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    version = frozen(request.user, slug, number)
    found = sections(version)
    for section in found:
        if section.get("text"):
            section["html"] = to_html(section["text"])
    context = frame(request, version.dataset, "versions") | {"version": version, "sections": found}
    return render(request, "datasets/card.html", context)


@require_safe
@also_by_token
def version_readme(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    version = frozen(request.user, slug, number)
    text = readme(version, address_of(request, version))
    response = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, "README.md")
    return response


@require_safe
@also_by_token
def version_croissant(request: HttpRequest, slug: str, number: int) -> JsonResponse:
    found = described(request, frozen(request.user, slug, number), files=[])
    return JsonResponse(found, content_type="application/ld+json", json_dumps_params={"indent": 1})


def described(
    request: HttpRequest, version: Version, files: list[dict[str, Any]]
) -> dict[str, Any]:
    manifest = reverse("version_manifest", args=[version.dataset.slug, version.number])
    at = request.build_absolute_uri(manifest)
    return croissant(version, address_of(request, version), at, files)


def address_of(request: HttpRequest, version: Version) -> str:
    here = reverse("version", args=[version.dataset.slug, version.number])
    return request.build_absolute_uri(here)


@require_POST
@login_required
def version_export(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    actions.request_export(frozen(request.user, slug, number), request.user)
    return redirect("version", slug, number)


@require_safe
@also_by_token
def version_parquet(request: HttpRequest, slug: str, number: int) -> StreamingHttpResponse:
    """One zip of the shards with card, Croissant and manifest, streamed."""
    version = frozen(request.user, slug, number)
    files = ready_export(version).files
    about = json.dumps(described(request, version, files), ensure_ascii=False, indent=1)
    archive = ZipStream(compress_type=ZIP_STORED)
    archive.add(readme(version, address_of(request, version)).encode(), "README.md")
    archive.add(about.encode(), "croissant.json")
    archive.add(blobs.chunks(version.manifest_sha256), "manifest.parquet")
    for each in files:
        archive.add(blobs.chunks(each["sha256"]), each["name"])
    response = StreamingHttpResponse(archive, content_type="application/zip")
    name = f"{slug}-{number}-parquet.zip"
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response
