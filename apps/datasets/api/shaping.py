"""Datasets, classes, people and invitations over HTTP."""

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.api.scope import (
    READ_ANY,
    DatasetScoped,
    checked,
)
from apps.datasets.models import Dataset, Membership, Role
from apps.datasets.permissions import require
from apps.datasets.serializers.shaping import (
    DatasetSerializer,
    DatasetUpdateSerializer,
    InvitationSerializer,
    LabelClassSerializer,
    MembershipSerializer,
    NameSerializer,
)


class Datasets(generics.ListAPIView[Dataset]):
    serializer_class = DatasetSerializer
    permission_classes = READ_ANY

    def get_queryset(self) -> QuerySet[Dataset]:
        found: QuerySet[Dataset] = Dataset.objects.visible_to(self.request.user)
        return found.prefetch_related("classes")

    @extend_schema(request=DatasetSerializer, responses={201: DatasetSerializer})
    def post(self, request: Request) -> Response:
        if not request.user.is_authenticated:
            self.permission_denied(request)
        dataset = actions.create_dataset(request.user, **checked(DatasetSerializer, request))
        return Response(DatasetSerializer(dataset).data, status.HTTP_201_CREATED)


class OneDataset(DatasetScoped, APIView):
    permission_classes = READ_ANY

    @extend_schema(responses=DatasetSerializer)
    def get(self, request: Request, slug: str) -> Response:
        return Response(DatasetSerializer(self.dataset).data)

    @extend_schema(request=DatasetUpdateSerializer, responses=DatasetSerializer)
    def patch(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        changes = checked(DatasetUpdateSerializer, request, instance=dataset, partial=True)
        return Response(
            DatasetSerializer(actions.update_dataset(dataset, request.user, **changes)).data
        )


class Classes(DatasetScoped, APIView):
    @extend_schema(request=NameSerializer, responses={201: LabelClassSerializer})
    def post(self, request: Request, slug: str) -> Response:
        label = actions.add_class(self.dataset, request.user, **checked(NameSerializer, request))
        return Response(LabelClassSerializer(label).data, status.HTTP_201_CREATED)


class ClaimedClasses(DatasetScoped, APIView):
    """Make classes of every folder name that is none yet."""

    @extend_schema(request=None, responses={201: LabelClassSerializer(many=True)})
    def post(self, request: Request, slug: str) -> Response:
        labels = actions.add_claimed_classes(self.dataset, request.user)
        return Response(LabelClassSerializer(labels, many=True).data, status.HTTP_201_CREATED)


class Members(DatasetScoped, generics.ListAPIView[Membership]):
    """Who belongs to a dataset, the newest first."""

    serializer_class = MembershipSerializer

    def get_queryset(self) -> QuerySet[Membership]:
        if getattr(self, "swagger_fake_view", False):
            return Membership.objects.none()
        dataset = self.dataset
        require(self.request.user, dataset, Role.CONTRIBUTOR)
        found: QuerySet[Membership] = dataset.memberships.select_related("member")
        return found


class Invitations(DatasetScoped, APIView):
    @extend_schema(request=InvitationSerializer, responses={201: InvitationSerializer})
    def post(self, request: Request, slug: str) -> Response:
        role = checked(InvitationSerializer, request)["role"]
        invitation, token = actions.invite(self.dataset, request.user, role)
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        data = {"role": role, "link": link, "expires_at": invitation.expires_at}
        return Response(InvitationSerializer(data).data, status.HTTP_201_CREATED)
