"""Held look-alikes over HTTP."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.actions.holding import Verdict
from apps.datasets.api.scope import checked
from apps.datasets.models import Sample
from apps.datasets.serializers.samples import SampleSerializer


class VerdictSerializer(serializers.Serializer[Sample]):
    verdict = serializers.ChoiceField(choices=Verdict.choices)


class Lookalike(APIView):
    """Say what a held look-alike is: the same, to be kept together, or a different picture."""

    @extend_schema(request=VerdictSerializer, responses=SampleSerializer)
    def post(self, request: Request, pk: int) -> Response:
        visible = Sample.objects.visible_to(request.user).select_related(
            "dataset", "label", "contributor", "contribution"
        )
        sample = get_object_or_404(visible, pk=pk)
        data = checked(VerdictSerializer, request)
        actions.release_lookalike(sample, request.user, data["verdict"])
        return Response(SampleSerializer(sample, context={"request": request}).data)
