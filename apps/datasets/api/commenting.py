"""Comments over HTTP."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.datasets import actions, seals
from apps.datasets.api.scope import checked
from apps.datasets.blind import require_answer
from apps.datasets.models import Comment, Role, Sample
from apps.datasets.permissions import require


class CommentSerializer(serializers.ModelSerializer[Comment]):
    by = serializers.CharField(source="by.username", read_only=True)

    class Meta:
        model = Comment
        fields = ("id", "by", "at", "text")
        read_only_fields = ("at",)


class Comments(generics.ListAPIView[Comment]):
    """What members said about a sample, the newest first; say something."""

    serializer_class = CommentSerializer

    @property
    def sample(self) -> Sample:
        visible = Sample.objects.visible_to(self.request.user).select_related("dataset")
        return get_object_or_404(visible, pk=self.kwargs["pk"])

    def get_queryset(self) -> QuerySet[Comment]:
        if getattr(self, "swagger_fake_view", False):
            return Comment.objects.none()
        sample = self.sample
        require(self.request.user, sample.dataset, Role.CONTRIBUTOR)
        require_answer(sample, sample.dataset, self.request.user)
        seals.require_open(sample)
        found: QuerySet[Comment] = sample.comments.select_related("by")
        return found

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    def post(self, request: Request, pk: int) -> Response:
        sample = self.sample
        text = checked(CommentSerializer, request)["text"]
        comment = actions.comment_on(sample, request.user, text)
        comment.refresh_from_db()
        return Response(CommentSerializer(comment).data, status.HTTP_201_CREATED)
