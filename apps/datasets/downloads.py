"""What leaves the site as files: images by signed address, manifests, ImageFolder archives."""

import re
from collections.abc import Iterator
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from zipstream import ZIP_STORED, ZipStream

from apps.datasets import blobs
from apps.datasets.ingest.image import EXTENSIONS
from apps.datasets.media import PERIOD_SECONDS, VARIANTS, read_token
from apps.datasets.models import Sample, Split, Version, VersionSpan
from apps.datasets.seals import is_sealed, opened
from apps.datasets.spans import COLUMNS, rows_of
from apps.datasets.tables import csv_lines
from apps.errors import RuleError
from apps.members.tokens import also_by_token

SANDBOX = "default-src 'none'; sandbox"


@require_safe
@also_by_token
def media(request: HttpRequest, token: str) -> HttpResponseBase:
    """An image under its signed address, after looking again whether this user may see it."""
    sample_id, variant = read_token(token, request.user)
    sample = get_object_or_404(Sample.objects.visible_to(request.user), pk=sample_id)
    if sample.status == Sample.Status.WITHDRAWN:
        raise RuleError("withdrawn", _("This sample was withdrawn."), status=410)
    sha256 = getattr(sample, VARIANTS[variant])
    whole = sha256 == sample.blob_sha256
    response = FileResponse(
        blobs.open_blob(sha256), content_type=sample.media_type if whole else "image/jpeg"
    )
    response["Cache-Control"] = f"private, max-age={PERIOD_SECONDS}, immutable"
    response["Content-Security-Policy"] = SANDBOX
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def frozen(user: Any, slug: str, number: int) -> Version:
    version: Version = get_object_or_404(
        Version.objects.visible_to(user).select_related("dataset", "created_by"),
        dataset__slug=slug,
        number=number,
    )
    if not version.digest:
        text = _("This version is “%(status)s”: there is nothing to download (yet).")
        raise RuleError("not_frozen", text % {"status": version.get_status_display()})
    return version


@require_safe
@also_by_token
def manifest(request: HttpRequest, slug: str, number: int) -> FileResponse:
    """The Parquet manifest, from which anyone can recompute the digest."""
    version = frozen(request.user, slug, number)
    return FileResponse(
        blobs.open_blob(version.manifest_sha256),
        as_attachment=True,
        filename=f"{slug}-{number}-manifest.parquet",
        content_type="application/vnd.apache.parquet",
    )


@require_safe
@also_by_token
def images(request: HttpRequest, slug: str, number: int) -> StreamingHttpResponse:
    """An ImageFolder zip (split/class/sha256.ext), streamed from the store.

    Memory holds the list of its files, for the directory at the archive's end (about 0.65 KB for
    each), and one piece of one file; the disk holds nothing.
    """
    version = frozen(request.user, slug, number)
    archive = ZipStream(compress_type=ZIP_STORED)
    with blobs.open_blob(version.manifest_sha256) as stream:
        archive.add(stream.read(), "manifest.parquet")
    for name, sha256 in image_paths(version):
        archive.add(blobs.chunks(sha256), name)
    response = StreamingHttpResponse(archive, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, f"{slug}-{number}.zip")
    return response


@require_safe
@also_by_token
def unsealed(request: HttpRequest, slug: str, number: int) -> StreamingHttpResponse:
    """sample, label, salt: what opens the seals of a version, once its owner has unsealed it."""
    version = frozen(request.user, slug, number)
    if not version.sealed or is_sealed(version):
        text = _("This version has no unsealed test labels.")
        raise RuleError("not_unsealed", text)
    response = StreamingHttpResponse(
        csv_lines(["sample", "label", "salt"], opened(version)), content_type="text/csv"
    )
    name = f"{slug}-{number}-unsealed.csv"
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response


@require_safe
@also_by_token
def manifest_csv(request: HttpRequest, slug: str, number: int) -> StreamingHttpResponse:
    """The manifest's rows as CSV, streamed from the database in the manifest's order."""
    version = frozen(request.user, slug, number)
    response = StreamingHttpResponse(
        csv_lines(COLUMNS, rows_of(version)), content_type="text/csv; charset=utf-8"
    )
    name = f"{slug}-{number}-manifest.csv"
    response["Content-Disposition"] = content_disposition_header(True, name)
    return response


def image_paths(version: Version) -> Iterator[tuple[str, str]]:
    """(path in the archive, blob sha256) for each sample that is still there."""
    folders, sealed = class_folders(version), is_sealed(version)
    spans = VersionSpan.objects.of(version).exclude(sample__status=Sample.Status.WITHDRAWN)
    fields = ("split", "label_id", "sample__blob_sha256", "sample__media_type")
    for split, label, sha256, media_type in spans.values_list(*fields).iterator(5000):
        hidden = sealed and split == Split.TEST
        folder = split if hidden else f"{split}/{folders[label]}"
        yield f"{folder}/{sha256}.{EXTENSIONS[media_type]}", sha256


def class_folders(version: Version) -> dict[int, str]:
    """Class id → a folder name that every file system takes; two classes never share one."""
    folders: dict[int, str] = {}
    for item in version.classes:
        plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", item["name"]).strip(". ") or "_"
        taken = {folder.casefold() for folder in folders.values()}
        folders[item["id"]] = f"{plain}-{item['id']}" if plain.casefold() in taken else plain
    return folders
