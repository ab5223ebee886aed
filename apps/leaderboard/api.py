"""The leaderboard over HTTP."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets.api.scope import READ_ANY, dataset_of
from apps.jobs.api import whole
from apps.leaderboard.reads import board_of
from apps.leaderboard.serializers import BoardSerializer


class Leaderboard(APIView):
    """The ranking of one version; without `version` of the newest one that has results."""

    permission_classes = READ_ANY

    @extend_schema(parameters=[OpenApiParameter("version", int)], responses=BoardSerializer)
    def get(self, request: Request, slug: str) -> Response:
        number = request.query_params.get("version", "")
        board = board_of(dataset_of(request, slug), whole(number, "version") if number else None)
        data = {
            "dataset": board.dataset.slug,
            "version": board.version.number if board.version else None,
            "metric": board.metric,
            "higher_is_better": board.higher_is_better,
            "samples": board.samples,
            "tied": board.tied,
            "entries": board.entries,
        }
        return Response(BoardSerializer(data).data)
