"""Comments over HTTP."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions, seals
from apps.datasets.api.scope import checked
from apps.datasets.blind import require_answer
from apps.datasets.models import Comment, Role, Sample
from apps.datasets.permissions import require

NEWEST = 500


class CommentSerializer(serializers.ModelSerializer[Comment]):
    by = serializers.CharField(source="by.username", read_only=True)

    class Meta:
        model = Comment
        fields = ("id", "by", "at", "text")
        read_only_fields = ("at",)


class Comments(APIView):
    """What members said about a sample (the newest 500), the oldest first; say something."""

    def _sample(self, request: Request, pk: int) -> Sample:
        visible = Sample.objects.visible_to(request.user).select_related("dataset")
        return get_object_or_404(visible, pk=pk)

    @extend_schema(responses=CommentSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        sample = self._sample(request, pk)
        require(request.user, sample.dataset, Role.CONTRIBUTOR)
        require_answer(sample, sample.dataset, request.user)
        seals.require_open(sample)
        found = sample.comments.select_related("by").order_by("-pk")[:NEWEST]
        return Response(CommentSerializer(list(reversed(found)), many=True).data)

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, pk: int) -> Response:
        sample = self._sample(request, pk)
        text = checked(CommentSerializer, request)["text"]
        comment = actions.comment_on(sample, request.user, text)
        comment.refresh_from_db()
        return Response(CommentSerializer(comment).data, status.HTTP_201_CREATED)
