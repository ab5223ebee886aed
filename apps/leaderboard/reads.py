"""What the leaderboard shows: one version at a time, never two mixed."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import Http404

from apps.datasets.models import Dataset, Version
from apps.jobs.models import TrainingJob
from apps.leaderboard.models import Benchmark, Entry

# The interval bars' axis: the lowest bound shown, rounded down to one of these.
FLOORS = (0.95, 0.9, 0.8, 0.6, 0.4, 0.2)
WIDTH = 200


@dataclass(frozen=True)
class Bar:
    """An interval on an axis of WIDTH units, for an SVG."""

    left: float
    width: float
    dot: float


@dataclass
class Board:
    dataset: Dataset
    version: Version | None
    versions: list[Version] = field(default_factory=list)
    metric: str = Benchmark.Metric.ACCURACY
    higher_is_better: bool = True
    samples: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def tied(self) -> int:
        """How many share the first place."""
        return sum(1 for entry in self.entries if entry.rank == 1 and entry.accuracy is not None)

    @property
    def floor(self) -> float:
        lows = [entry.ci_low for entry in self.entries if entry.ci_low is not None]
        lowest = min(lows, default=0.0)
        return next((each for each in FLOORS if lowest >= each), 0.0)

    @property
    def rows(self) -> list[dict[str, Any]]:
        floor = self.floor
        return [{"entry": entry, "bar": bar(entry, floor)} for entry in self.entries]


def bar(entry: Entry, floor: float) -> Bar | None:
    if entry.accuracy is None or entry.ci_low is None or entry.ci_high is None:
        return None
    scale = WIDTH / (1 - floor)
    left = round((entry.ci_low - floor) * scale, 2)
    width = round(max((entry.ci_high - entry.ci_low) * scale, 1), 2)
    return Bar(left, width, round((entry.accuracy - floor) * scale, 2))


def board_of(dataset: Dataset, number: int | None = None) -> Board:
    """The board of a version; without a number, of the newest version that anything was trained on.

    Raises Http404 for a number that is no version of the dataset.
    """
    trained = TrainingJob.objects.filter(
        version=OuterRef("pk"), status=TrainingJob.Status.SUCCEEDED
    )
    versions = list(dataset.versions.brief().filter(Exists(trained)).order_by("-number"))
    version = _chosen(dataset, versions, number)
    if version is None:
        return Board(dataset, None, versions)
    board = Board(dataset, version, versions)
    benchmark = Benchmark.objects.filter(version=version).first()
    if benchmark:
        board.metric = benchmark.metric
        board.higher_is_better = benchmark.higher_is_better
        board.samples = benchmark.samples
        # The bit sets are large and nobody shows them.
        board.entries = list(
            benchmark.entries.exclude(rank=0)
            .defer("correct")
            .select_related("job__member", "job__version")
        )
    return board


def _chosen(dataset: Dataset, versions: list[Version], number: int | None) -> Version | None:
    if number is None:
        newest = dataset.versions.filter(status=Version.Status.APPROVED).first()
        return versions[0] if versions else newest
    found: Version | None = dataset.versions.exclude(digest="").filter(number=number).first()
    if found is None:
        raise Http404
    return found
