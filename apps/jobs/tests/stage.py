"""Props for the job side's tests: versions without the walk to them, small real images, workers."""

import io
import json
import tempfile
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from apps.datasets import actions as data
from apps.datasets import blobs
from apps.datasets.actions.building import build_versions
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.digest import Row, digest_of
from apps.datasets.manifest import ManifestWriter
from apps.datasets.models import (
    Contribution,
    Dataset,
    LabelClass,
    Licence,
    Sample,
    Version,
    VersionSpan,
)
from apps.jobs import actions
from apps.jobs.actions import Ending
from apps.jobs.models import Attempt, TrainingJob, Worker
from training import metrics

# Trains in about a second and is right about nine times in ten.
QUICK = {
    "model": {"kind": "cnn", "blocks": [{"channels": 16, "pool": 2}], "dense": [32]},
    "image": {"size": 8, "channels": "grey"},
    "optimizer": {"kind": "adamw", "learning_rate": 0.01},
    "epochs": 6,
    "batch_size": 16,
    "seed": 7,
}

# Reads in about a second which of two topics a sentence is about.
QUICK_TEXTS = {
    "model": {"kind": "rnn", "cell": "gru", "embedding": 16, "hidden": 16},
    "text": {"vocabulary": 200, "max_length": 16},
    "optimizer": {"kind": "adamw", "learning_rate": 0.02},
    "gradient_clip": 1.0,
    "epochs": 5,
    "batch_size": 16,
    "seed": 7,
}
TOPICS = {
    "card": ("Where is my card", "The card has not arrived", "I lost my bank card"),
    "pin": ("I forgot my number", "How do I change the code", "My secret code is blocked"),
}


def make_version(dataset: Dataset, by: Any, **fields: Any) -> Version:
    """An approved version as a row only: enough for every rule that does not train."""
    number = dataset.versions.count() + 1
    labels = list(dataset.classes.all())
    fields = {
        "number": number,
        "status": Version.Status.APPROVED,
        "created_by": by,
        "classes": [{"id": each.pk, "name": each.name, "colour": each.colour} for each in labels],
        "counts": {each.name: {"train": 40, "validation": 5, "test": 5} for each in labels},
        "size": 50 * len(labels),
        "digest": f"{number:064x}",
        "manifest_sha256": f"{number:064x}",
    } | fields
    return Version.objects.create(dataset=dataset, **fields)


def make_job(version: Version, by: Any, title: str = "a job", **config: Any) -> TrainingJob:
    return actions.propose_job(version, by, title, QUICK | config)


def make_queued(version: Version, by: Any, approver: Any, **config: Any) -> TrainingJob:
    job = make_job(version, by, **config)
    actions.approve_job(job, approver)
    return job


def make_finished(
    version: Version, by: Any, approver: Any, result: dict[str, Any], **config: Any
) -> TrainingJob:
    """A job that succeeded with this result, without having run."""
    make_queued(version, by, approver, **config)
    attempt = claim()
    actions.begin_run(attempt)
    actions.finish_attempt(attempt, Ending("succeeded", result=result))
    return TrainingJob.objects.get(pk=attempt.job_id)


def measured(samples: int = 60, classes: int = 12, sources: int = 3) -> dict[str, Any]:
    """What training measures of predictions drawn at random."""
    random = np.random.default_rng(3)
    labels = random.integers(classes, size=samples)
    odds = random.dirichlet(np.full(classes, 0.3), samples)
    odds = 0.5 * odds + 0.5 * np.eye(classes)[(labels + (random.random(samples) < 0.2)) % classes]
    names = [f"class {number}" for number in range(classes)]
    places = [f"ward {number % sources}" for number in range(samples)]
    return metrics.scores(labels, odds, names, places)


# What a network is, as a run weighs it before and after pruning.
WEIGHED = {
    "parameters": 1000, "non_zero": 1000, "bytes": 4000, "compressed_bytes": 3700,
    "latency_ms": 2.5, "latency_batch": 64, "train_accuracy": 0.9, "validation_accuracy": None,
}  # fmt: skip


def make_worker(name: str = "train@here") -> Worker:
    return actions.see_worker(name, host="here")


def claim(worker: Worker | None = None) -> Attempt:
    attempt = actions.claim_job(worker or make_worker())
    assert attempt is not None
    return attempt


def png(pixels: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray((pixels * 15.9).astype("uint8")).convert("RGB").save(out, "PNG")
    return out.getvalue()


def split_of(place: int) -> str:
    return "test" if place % 5 == 4 else "validation" if place % 10 == 3 else "train"


def make_digits(owner: Any, size: int = 400) -> Version:
    """An approved version of real handwritten digits, written as an ingest and a freeze would."""
    samples = make_digit_samples(owner, size)
    return _freeze(samples[0].dataset, owner, samples)


def make_sealed_digits(owner: Any, size: int = 400) -> Version:
    """The same, split and frozen by the platform with its test labels sealed."""
    dataset = make_digit_samples(owner, size)[0].dataset
    Sample.objects.filter(dataset=dataset).update(split="")
    data.update_dataset(dataset, owner, seals_test=True)
    version = data.freeze_version(dataset, owner)
    build_versions()
    version.refresh_from_db()
    data.approve_version(version, owner)
    return version


def make_text_dataset(owner: Any, slug: str = "bank") -> Dataset:
    """A dataset of questions to a bank, and nothing in it yet."""
    return data.create_dataset(
        owner,
        title="Bank",
        slug=slug,
        task="text_classification",
        licence=Licence.CC0,
        class_names=list(TOPICS),
    )


def make_texts(owner: Any, size: int = 240) -> Version:
    """An approved version of texts, gone the site's own way: sent, reviewed, frozen by the platform."""
    dataset = make_text_dataset(owner)
    lines = [
        {"text": f"{topics[n % 3]}, case {n}?", "label": name, "split": split_of(n)}
        for n in range(size // 2)
        for name, topics in TOPICS.items()
    ]
    batch = data.open_contribution(dataset, owner, licence=Licence.CC0, agreed=True)
    content = "\n".join(map(json.dumps, lines)).encode()
    data.receive_file(batch, owner, name="questions.jsonl", chunks=[content])
    data.finish_contribution(batch, owner)
    drain_ingest()
    Sample.objects.filter(dataset=dataset).update(status=Sample.Status.APPROVED)
    version = data.freeze_version(dataset, owner)
    build_versions()
    version.refresh_from_db()
    data.approve_version(version, owner)
    return version


def make_digit_samples(owner: Any, size: int) -> list[Sample]:
    source = load_digits()
    names = [str(number) for number in range(10)]
    dataset = data.create_dataset(
        owner, title="Digits", slug="digits", licence=Licence.CC0, agreement="", class_names=names
    )
    labels = {label.name: label for label in LabelClass.objects.filter(dataset=dataset)}
    contribution = Contribution.objects.create(
        dataset=dataset, member=owner, status=Contribution.Status.READY, licence=Licence.CC0
    )
    samples: dict[str, Sample] = {}
    for place in range(size):
        content = png(source.images[place])
        sha256 = blobs.put(content)
        samples.setdefault(
            sha256,
            Sample(
                dataset=dataset,
                contribution=contribution,
                contributor=owner,
                status=Sample.Status.APPROVED,
                label=labels[str(source.target[place])],
                blob_sha256=sha256,
                thumbnail_sha256=sha256,
                content_sha256=sha256,
                media_type="image/png",
                width=8,
                height=8,
                size=len(content),
                licence=Licence.CC0,
                group=sha256[:32],
                split=split_of(place),
            ),
        )
    Sample.objects.bulk_create(samples.values())
    return list(Sample.objects.filter(dataset=dataset).select_related("dataset"))


def _freeze(dataset: Dataset, owner: Any, samples: list[Sample]) -> Version:
    VersionSpan.objects.bulk_create(
        VersionSpan(dataset=dataset, sample=each, label=each.label, split=each.split, first=1)
        for each in samples
    )
    rows = sorted(
        Row(each.blob_sha256, each.label.name, each.split, each.group, Licence.CC0)
        for each in samples
    )
    with tempfile.TemporaryFile() as out:
        with ManifestWriter(out, {}) as writer:
            writer.write([(*row, "image/png", 8, 8, None, None) for row in rows])
        manifest = blobs.put_file(out)
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.label, Counter())[row.split] += 1
    return make_version(
        dataset,
        owner,
        counts=counts,
        size=len(rows),
        digest=digest_of(rows),
        manifest_sha256=manifest,
    )
