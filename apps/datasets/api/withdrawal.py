"""Withdrawal over HTTP."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.api.scope import checked
from apps.datasets.models import Sample


class WithdrawSerializer(serializers.Serializer[Sample]):
    why = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class WithdrawnSerializer(serializers.Serializer[Sample]):
    withdrawn = serializers.IntegerField(help_text="0: it was withdrawn before")


class Withdraw(APIView):
    """Withdraw one sample, for good: one's own, or as a maintainer anybody's with a reason."""

    @extend_schema(request=WithdrawSerializer, responses=WithdrawnSerializer)
    def post(self, request: Request, pk: int) -> Response:
        visible = Sample.objects.visible_to(request.user).select_related("dataset")
        sample = get_object_or_404(visible, pk=pk)
        data = checked(WithdrawSerializer, request)
        count = actions.withdraw_samples(sample.dataset, request.user, [sample], data["why"])
        return Response({"withdrawn": count})
