"""The server side of tus 1.0.0: creation, expiration, termination. Addresses are paths, so that a
proxy in between changes nothing."""

import base64
import binascii
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.datasets.actions import uploading
from apps.datasets.actions.contributing import require_receiving
from apps.datasets.api.contributing import CHUNK, RawParser
from apps.datasets.models import Dataset, Upload
from apps.datasets.permissions import contribution_for
from apps.errors import RuleError, invalid

VERSION = "1.0.0"
APPEND = "application/offset+octet-stream"


class AnyType(BaseContentNegotiation):
    """tus clients ask for nothing in particular."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def answer(status: int, **headers: str | int) -> HttpResponse:
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return HttpResponse(status=status, headers={"Tus-Resumable": VERSION, **named})


class Tus(APIView):
    parser_classes = [RawParser]
    throttle_classes = ()  # as in contributing.RawFile
    content_negotiation_class = AnyType

    @extend_schema(exclude=True)
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return answer(
            204,
            Tus_Version=VERSION,
            Tus_Extension="creation,expiration,termination",
            Tus_Max_Size=settings.MAX_ARCHIVE_BYTES,
        )


def check_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        text = _("This site speaks tus %(version)s.") % {"version": VERSION}
        raise RuleError("tus_version", text, status=412)


def number(request: Request, name: str) -> int:
    value = request.headers.get(name, "")
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        text = _("The header %(name)s must be a number.") % {"name": name}
        raise invalid("tus_header", text, header=name)
    return int(value)


def file_name(request: Request) -> str:
    """`filename` of Upload-Metadata: pairs of a key and its value in base64."""
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _space, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise invalid(
                    "tus_header", _("The file name cannot be read."), header=key
                ) from None
    return ""


class Uploads(Tus):
    """Begin an upload in one's contribution."""

    @extend_schema(request=None, responses={201: None})
    def post(self, request: Request, uuid: str) -> HttpResponse:
        contribution = contribution_for(request.user, uuid)
        require_receiving(contribution, request.user)
        check_version(request)
        size = number(request, "Upload-Length")
        name = file_name(request)
        upload = uploading.begin_upload(contribution, request.user, name=name, size=size)
        return answer(
            201,
            Location=reverse("api_upload", args=[upload.uuid]),
            Upload_Offset=0,
            Upload_Expires=http_date(upload.expires_at.timestamp()),
        )


class OneUpload(Tus):
    """Ask how far an upload is, go on with it, or cancel it: one's own only."""

    def _mine(self, request: Request, upload: str) -> Upload:
        visible = Dataset.objects.visible_to(request.user)
        mine = Upload.objects.filter(
            contribution__member=request.user.pk, contribution__dataset__in=visible
        )
        return get_object_or_404(mine.select_related("contribution__dataset"), uuid=upload)

    @extend_schema(responses={200: None})
    def head(self, request: Request, upload: str) -> HttpResponse:
        found = self._mine(request, upload)
        check_version(request)
        offset = uploading.offset_of(found, request.user)
        return answer(200, Upload_Offset=offset, Upload_Length=found.size, Cache_Control="no-store")

    @extend_schema(request=None, responses={204: None})
    def patch(self, request: Request, upload: str) -> HttpResponse:
        found = self._mine(request, upload)
        check_version(request)
        if request.content_type != APPEND:
            text = _("Send the bytes as %(type)s.") % {"type": APPEND}
            raise RuleError("tus_type", text, status=415)
        stream = request._request
        offset = uploading.append_to(
            found,
            request.user,
            offset=number(request, "Upload-Offset"),
            chunks=iter(lambda: stream.read(CHUNK), b""),
        )
        return answer(
            204, Upload_Offset=offset, Upload_Expires=http_date(found.expires_at.timestamp())
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, upload: str) -> HttpResponse:
        uploading.cancel_upload(self._mine(request, upload), request.user)
        return answer(204)
