"""What each API view begins with: the thing it is about, if it may be seen; its input, checked."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from apps.datasets.models import Dataset, Version
from apps.errors import invalid

# Public datasets may be read by anyone: `visible_to` decides, not the view.
READ_ANY = [AllowAny]


def dataset_of(request: Request, slug: str) -> Dataset:
    found: Dataset = get_object_or_404(Dataset.objects.visible_to(request.user), slug=slug)
    return found


def version_of(request: Request, slug: str, number: int) -> Version:
    found: Version = get_object_or_404(
        Version.objects.visible_to(request.user).select_related("dataset"),
        dataset__slug=slug,
        number=number,
    )
    return found


def checked(kind: type[BaseSerializer[Any]], request: Request, **options: Any) -> dict[str, Any]:
    """The request's data as the serializer understood it; a 400 naming the fields otherwise."""
    serializer = kind(data=request.data, **options)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def allowed(request: Request, parameter: str, values: list[str]) -> str:
    """A query parameter that must be one of `values`; empty when absent."""
    value = request.query_params.get(parameter, "")
    if value and value not in values:
        raise invalid("invalid_filter", f"{parameter}: {', '.join(values)}", field=parameter)
    return value


class DatasetScoped:
    """Views under one dataset the user may see."""

    @property
    def dataset(self: Any) -> Dataset:
        return dataset_of(self.request, self.kwargs["slug"])
