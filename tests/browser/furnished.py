"""A dataset with something on every page: drawn shapes, several people, all kinds of outcomes."""

import io
import random
from types import SimpleNamespace
from typing import Any

from django.urls import reverse
from PIL import Image, ImageDraw, ImageFilter

from apps.datasets import actions, blobs
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.actions.relabelling import apply_changes
from apps.datasets.models import Contribution, Dataset, Licence, Membership, Role, Sample, Version
from apps.jobs.models import TrainingJob
from apps.jobs.tests.stage import (
    WEIGHED,
    make_finished,
    make_text_dataset,
    make_version,
    measured,
)

GUIDELINES = """## What counts

* **circle**: round all over; an egg is none.
* **square**: four equal sides, however it lies.
* **triangle**: three corners.

When in doubt, press *unsure*."""
COLOURS = ["#b5483a", "#3a6fb5", "#4d8a4a", "#b58a3a", "#7a4ab5", "#3aa3a8"]


def drawing(kind: str, seed: int, size: tuple[int, int] = (320, 240)) -> bytes:
    """A shape on a mottled ground, as a JPEG with a camera's name in it."""
    rng = random.Random(f"{kind} {seed}")
    ground = Image.frombytes("RGB", (16, 12), rng.randbytes(16 * 12 * 3))
    image = ground.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    image = Image.blend(image, Image.new("RGB", size, "#d9d4c7"), 0.6)
    canvas = ImageDraw.Draw(image)
    x, y, r = rng.randint(80, size[0] - 80), rng.randint(70, size[1] - 70), rng.randint(30, 60)
    colour = rng.choice(COLOURS)
    if kind == "circle":
        canvas.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    else:
        sides = {"triangle": 3, "square": 4}.get(kind, 5)
        canvas.regular_polygon((x, y, r), sides, rotation=rng.randint(0, 90), fill=colour)
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88, exif=exif)
    return out.getvalue()


def furnish(cast: Any) -> SimpleNamespace:
    """Ada's dataset, with Ben's and Dana's contributions, Chen's decisions and two versions."""
    dataset = actions.create_dataset(
        cast.ada,
        title="Shapes on the beach",
        slug="pets",
        summary="Photos of drawn shapes, to tell them apart at a glance.",
        guidelines=GUIDELINES,
        licence=Licence.CC_BY,
        agreement="Only shapes you drew yourself.",
        motivation="A small set on which every page has something to show.",
        limitations="Real beaches have more than three shapes.",
        class_names=["circle", "square", "triangle"],
    )
    for member, role in (
        (cast.ben, Role.CONTRIBUTOR),
        (cast.dana, Role.CONTRIBUTOR),
        (cast.chen, Role.REVIEWER),
    ):
        Membership.objects.create(dataset=dataset, member=member, role=role)
    first = _contribute(dataset, cast.ben, _files(range(12)), source="North beach")
    _review(dataset, cast.chen, first)
    _freeze(dataset, cast.ada)
    second = _contribute(dataset, cast.dana, _files(range(20, 26)), source="South beach")
    _review(dataset, cast.chen, second, keep=4)
    _freeze(dataset, cast.ada)
    odd = _files(range(30, 34)) | {
        "circle/broken.jpg": drawing("circle", 99)[:900],
        "circle/again.jpg": drawing("circle", 1),
        "notes.txt": b"no image",
        "pentagon/1.jpg": drawing("pentagon", 1),
    }
    odd["circle/copy.jpg"] = _again(dataset)
    last = _contribute(dataset, cast.ben, odd, source="North beach")
    _contribute(dataset, cast.ben, {f"{n}.jpg": drawing("square", 50 + n) for n in range(4)})
    _change_classes(dataset, cast)
    job, more = _train(dataset, cast)
    value = _values(last, job)
    return SimpleNamespace(
        cast=cast, dataset=dataset, contribution=last, value=value, more_pages=more
    )


def _train(dataset: Dataset, cast: Any) -> tuple[TrainingJob, dict[str, str]]:
    """A finished job on the first version with everything that one can show, and pages beside it."""
    first = dataset.versions.get(number=1)
    Version.objects.filter(pk=first.pk).update(status=Version.Status.APPROVED)
    first.refresh_from_db()
    splits = {"test": measured(200), "validation": measured(80), "test_tta": measured(200)}
    weighed = {"before": WEIGHED, "after": WEIGHED | {"parameters": 270, "latency_ms": 0.9}}
    result = {"metrics": splits, "pruning": weighed, "train_seconds": 94.0, "chosen_epoch": 8}
    config = {
        "pruning": {"kind": "structured"},
        "augmentation": {"translate": 0.1, "cutout": 0.25, "mixup": 0.2},
        "test_time_augmentation": True,
    }
    job = make_finished(first, cast.ben, cast.ada, result, **config)
    make_version(make_text_dataset(cast.ada), cast.ada)
    new = reverse("job_new", args=[dataset.slug])
    return job, {
        "job_new_recipe": f"{new}?recipe=photos",
        "job_new_texts": reverse("job_new", args=["bank"]),
    }


def _files(seeds: range) -> dict[str, bytes]:
    kinds = ("circle", "square", "triangle")
    return {f"{kind}/{seed}.jpg": drawing(kind, seed) for kind in kinds for seed in seeds}


def _contribute(
    dataset: Dataset, by: Any, files: dict[str, bytes], source: str = ""
) -> Contribution:
    batch = actions.open_contribution(
        dataset, by, licence=Licence.CC_BY, agreed=True, source=source
    )
    for name, data in files.items():
        actions.receive_file(batch, by, name=name, chunks=[data])
    actions.finish_contribution(batch, by)
    drain_ingest()
    return batch


def _review(dataset: Dataset, by: Any, batch: Contribution, keep: int = 0) -> None:
    """Accept most, fix one, reject one; leave the last `keep` alone."""
    samples = list(batch.samples.filter(hold="").order_by("pk"))
    todo = samples[: len(samples) - keep]
    other = dataset.classes.current().last()
    decisions = [actions.Decision(each.pk, "accept") for each in todo[2:]]
    decisions.append(actions.Decision(todo[0].pk, "fix", other.pk))
    decisions.append(actions.Decision(todo[1].pk, "reject", reason="unusable"))
    assert not actions.review_samples(dataset, by, decisions).refused


def _freeze(dataset: Dataset, by: Any) -> None:
    actions.freeze_version(dataset, by, notes="More shapes")
    build_versions()


def _change_classes(dataset: Dataset, cast: Any) -> None:
    """A class that was merged, and a proposal to split another."""
    pentagon = actions.add_class(dataset, cast.ada, "pentagon")
    circle, square, triangle = dataset.classes.current()[:3]
    merge = actions.propose_change(
        dataset,
        cast.ada,
        kind="merge",
        label=pentagon,
        into=square,
        why="There are too few of them",
    )
    actions.approve_change(merge, cast.ada)
    apply_changes()
    actions.propose_change(
        dataset, cast.ada, kind="split", label=circle, parts=["circle", "ellipse"],
        why="Eggs are no circles",
    )  # fmt: skip
    actions.propose_change(
        dataset, cast.ada, kind="rename", label=triangle, new_name="three-cornered shape"
    )


def _again(dataset: Dataset) -> bytes:
    """An image of the test split in other bytes: it is held back as a look-alike."""
    frozen = Sample.objects.filter(dataset=dataset, split="test").order_by("pk")[0]
    out = io.BytesIO()
    Image.open(io.BytesIO(blobs.read(frozen.blob_sha256))).save(out, "JPEG", quality=55)
    return out.getvalue()


def _values(batch: Contribution, job: TrainingJob) -> Any:
    """value(route, parameter): what a page's address is filled with."""

    def value(name: str, key: str) -> Any:
        sample = Sample.objects.filter(status="approved").order_by("pk")[0]
        known = {
            "slug": batch.dataset.slug,
            "number": 2,
            "uuid": job.uuid if name.startswith("job") else batch.uuid,
            "username": "ben",
            "token": actions.invite(batch.dataset, batch.dataset.created_by, Role.CONTRIBUTOR)[1],
            "pk": sample.pk,
            "label": sample.label_id,
            "change": batch.dataset.changes.filter(kind="split").values_list("pk", flat=True)[0],
            "old": 1,
            "new": 2,
        }
        return known[key]

    return value
