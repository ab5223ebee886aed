"""The data side over HTTP: parse, call an action, render."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from apps.datasets import actions
from apps.datasets.models import Contribution, Dataset, Receipt, Role, Sample, Version
from apps.datasets.permissions import require
from apps.datasets.serializers import (
    ContributionSerializer,
    DatasetSerializer,
    DatasetUpdateSerializer,
    DecisionsSerializer,
    FileSerializer,
    FreezeSerializer,
    InvitationSerializer,
    LabelClassSerializer,
    MembershipSerializer,
    NameSerializer,
    OpenContributionSerializer,
    ReceiptSerializer,
    ReviewResultSerializer,
    SampleSerializer,
    UndoneSerializer,
    VersionSerializer,
)
from apps.errors import invalid

# Public datasets may be read by anyone: `visible_to` decides, not the view.
READ_ANY = [AllowAny]


def dataset_of(request: Request, slug: str) -> Dataset:
    found: Dataset = get_object_or_404(Dataset.objects.visible_to(request.user), slug=slug)
    return found


def checked(kind: type[BaseSerializer[Any]], request: Request, **options: Any) -> dict[str, Any]:
    """The request's data as the serializer understood it; a 400 naming the fields otherwise."""
    serializer = kind(data=request.data, **options)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


class DatasetScoped:
    """Views under one dataset the user may see."""

    @property
    def dataset(self: Any) -> Dataset:
        return dataset_of(self.request, self.kwargs["slug"])


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


class Members(DatasetScoped, APIView):
    @extend_schema(responses=MembershipSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        require(request.user, dataset, Role.CONTRIBUTOR)
        found = dataset.memberships.select_related("member")
        return Response(MembershipSerializer(found, many=True).data)


class Invitations(DatasetScoped, APIView):
    @extend_schema(request=InvitationSerializer, responses={201: InvitationSerializer})
    def post(self, request: Request, slug: str) -> Response:
        role = checked(InvitationSerializer, request)["role"]
        invitation, token = actions.invite(self.dataset, request.user, role)
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        data = {"role": role, "link": link, "expires_at": invitation.expires_at}
        return Response(InvitationSerializer(data).data, status.HTTP_201_CREATED)


class Contributions(DatasetScoped, generics.ListAPIView[Contribution]):
    serializer_class = ContributionSerializer

    def get_queryset(self) -> QuerySet[Contribution]:
        dataset = self.dataset
        require(self.request.user, dataset, Role.CONTRIBUTOR)
        return dataset.contributions.select_related("member", "dataset")

    @extend_schema(request=OpenContributionSerializer, responses={201: ContributionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        dataset = self.dataset
        data = checked(OpenContributionSerializer, request)
        if data["default_class"] is not None:
            data["default_class"] = get_object_or_404(dataset.classes, pk=data["default_class"])
        contribution = actions.open_contribution(dataset, request.user, **data)
        return Response(ContributionSerializer(contribution).data, status.HTTP_201_CREATED)


def contribution_of(request: Request, uuid: str) -> Contribution:
    """One's own, or any in a dataset where one reviews."""
    visible = Contribution.objects.filter(dataset__in=Dataset.objects.visible_to(request.user))
    found: Contribution = get_object_or_404(visible.select_related("dataset", "member"), uuid=uuid)
    if found.member_id != request.user.pk:
        require(request.user, found.dataset, Role.REVIEWER)
    return found


class OneContribution(APIView):
    @extend_schema(responses=ContributionSerializer)
    def get(self, request: Request, uuid: str) -> Response:
        return Response(ContributionSerializer(contribution_of(request, uuid)).data)


class Files(APIView):
    """Send one file: an image, or a zip with class folders."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": FileSerializer}, responses={201: ReceiptSerializer}
    )
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_of(request, uuid)
        data = checked(FileSerializer, request)
        file = data["file"]
        name = data.get("name") or file.name or ""
        receipt = actions.receive_file(contribution, request.user, name=name, chunks=file.chunks())
        return Response(ReceiptSerializer(receipt).data, status.HTTP_201_CREATED)


class Finish(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_of(request, uuid)
        actions.finish_contribution(contribution, request.user)
        return Response(ContributionSerializer(contribution).data)


class Discard(APIView):
    @extend_schema(request=None, responses=ContributionSerializer)
    def post(self, request: Request, uuid: str) -> Response:
        contribution = contribution_of(request, uuid)
        actions.discard_contribution(contribution, request.user)
        return Response(ContributionSerializer(contribution).data)


class Receipts(generics.ListAPIView[Receipt]):
    serializer_class = ReceiptSerializer

    @extend_schema(parameters=[OpenApiParameter("outcome", enum=Receipt.Outcome.values)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Receipt]:
        if getattr(self, "swagger_fake_view", False):
            return Receipt.objects.none()
        found = contribution_of(self.request, self.kwargs["uuid"]).receipts.all()
        outcome = allowed(self.request, "outcome", Receipt.Outcome.values)
        return found.filter(outcome=outcome) if outcome else found


def allowed(request: Request, parameter: str, values: list[str]) -> str:
    """A query parameter that must be one of `values`; empty when absent."""
    value = request.query_params.get(parameter, "")
    if value and value not in values:
        raise invalid("invalid_filter", f"{parameter}: {', '.join(values)}", field=parameter)
    return value


class Samples(DatasetScoped, generics.ListAPIView[Sample]):
    serializer_class = SampleSerializer
    permission_classes = READ_ANY

    @extend_schema(
        parameters=[
            OpenApiParameter("status", enum=Sample.Status.values),
            OpenApiParameter("label", int, description="id of a class"),
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Sample]:
        if getattr(self, "swagger_fake_view", False):
            return Sample.objects.none()
        found = Sample.objects.filter(dataset=self.dataset).select_related(
            "label", "contributor", "contribution"
        )
        if wanted := allowed(self.request, "status", Sample.Status.values):
            found = found.filter(status=wanted)
        if label := self.request.query_params.get("label", ""):
            if not label.isdigit():
                raise invalid("invalid_filter", "label: an id", field="label")
            found = found.filter(label=int(label))
        return found


class Reviewable(DatasetScoped, generics.ListAPIView[Sample]):
    """Pending samples that you may decide about (never your own)."""

    serializer_class = SampleSerializer
    permission_classes = [IsAuthenticated]

    def get_queryset(self) -> QuerySet[Sample]:
        if getattr(self, "swagger_fake_view", False):
            return Sample.objects.none()
        dataset = self.dataset
        require(self.request.user, dataset, Role.REVIEWER)
        found: QuerySet[Sample] = Sample.objects.filter(dataset=dataset).reviewable_by(
            self.request.user
        )
        return found.select_related("label", "contributor", "contribution")

    @extend_schema(request=DecisionsSerializer, responses=ReviewResultSerializer)
    def post(self, request: Request, slug: str) -> Response:
        sent = checked(DecisionsSerializer, request)["decisions"]
        decisions = [
            actions.Decision(
                each["sample"], each["decision"], each["label"], each["reason"], each["note"]
            )
            for each in sent
        ]
        result = actions.review_samples(self.dataset, request.user, decisions)
        return Response(ReviewResultSerializer(result).data)


class Undo(DatasetScoped, APIView):
    @extend_schema(request=None, responses=UndoneSerializer)
    def post(self, request: Request, slug: str) -> Response:
        return Response({"reopened": actions.undo_review(self.dataset, request.user)})


class Versions(DatasetScoped, generics.ListAPIView[Version]):
    serializer_class = VersionSerializer
    permission_classes = READ_ANY

    def get_queryset(self) -> QuerySet[Version]:
        if getattr(self, "swagger_fake_view", False):
            return Version.objects.none()
        return self.dataset.versions.select_related("dataset", "created_by")

    @extend_schema(request=FreezeSerializer, responses={201: VersionSerializer})
    def post(self, request: Request, slug: str) -> Response:
        version = actions.freeze_version(
            self.dataset, request.user, **checked(FreezeSerializer, request)
        )
        return Response(VersionSerializer(version).data, status.HTTP_201_CREATED)


def version_of(request: Request, slug: str, number: int) -> Version:
    found: Version = get_object_or_404(
        Version.objects.visible_to(request.user).select_related("dataset"),
        dataset__slug=slug,
        number=number,
    )
    return found


class OneVersion(APIView):
    permission_classes = READ_ANY

    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        return Response(VersionSerializer(version_of(request, slug, number)).data)


class ApproveVersion(APIView):
    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        version = version_of(request, slug, number)
        actions.approve_version(version, request.user)
        return Response(VersionSerializer(version).data)


class DiscardVersion(APIView):
    @extend_schema(request=None, responses=VersionSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        version = version_of(request, slug, number)
        actions.discard_version(version, request.user)
        return Response(VersionSerializer(version).data)
