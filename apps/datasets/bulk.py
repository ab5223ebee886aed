"""A dataset of many samples, made by the database itself: for benchmarks only, it has no bytes."""

import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import F, UUIDField, Value

from apps.datasets import actions
from apps.datasets.models import Annotation, Contribution, Dataset, Licence, Membership, Role
from apps.datasets.portions import insert_from
from apps.datasets.tallies import recount

CLASSES = 10
CONTRIBUTIONS = 50
# Every so many a sample is pending, rejected, disputed; the rest is approved.
PENDING, REJECTED, DISPUTED = 4, 25, 8

COLUMNS = """dataset_id, contribution_id, contributor_id, status, label_id, claimed_class, hold,
disputed, blob_sha256, thumbnail_sha256, content_sha256, pdq, media_type, width, height, scale, size,
excerpt, source, licence, "group", declared_split, split"""


def make_dataset(slug: str, samples: int) -> tuple[Dataset, Any, Any]:
    """(dataset, owner, reviewer): `samples` rows spread over classes, sources and people."""
    members = get_user_model().objects
    owner = members.create_user(f"{slug}-owner", f"{slug}-owner@example.org")
    reviewer = members.create_user(f"{slug}-reviewer", f"{slug}-reviewer@example.org")
    contributors = [members.create_user(f"{slug}-{n}", f"{slug}-{n}@example.org") for n in range(5)]
    dataset = actions.create_dataset(
        owner,
        title=slug,
        slug=slug,
        licence=Licence.CC0,
        class_names=[f"class {n}" for n in range(CLASSES)],
    )
    Membership.objects.create(dataset=dataset, member=reviewer, role=Role.REVIEWER)
    batches = Contribution.objects.bulk_create(
        Contribution(
            dataset=dataset,
            member=contributors[n % len(contributors)],
            status=Contribution.Status.READY,
            source=f"source {n % 7}",
            licence=Licence.CC0,
        )
        for n in range(CONTRIBUTIONS)
    )
    _insert(dataset, [each.pk for each in batches], [each.pk for each in contributors], samples)
    _annotate(dataset)
    for each in batches:
        recount(each)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return dataset, owner, reviewer


def _annotate(dataset: Dataset) -> None:
    """Each contributor has said what each sample is."""
    said = {"sample": F("pk"), "label": F("label"), "by": F("contributor")}
    batch = Value(uuid.uuid4(), output_field=UUIDField())
    role = Value(Annotation.As.UPLOADER.value)
    insert_from(Annotation, dataset.samples.all(), **said, role=role, batch=batch)


def _insert(dataset: Dataset, batches: list[int], people: list[int], samples: int) -> None:
    """One statement. The lists of keys are consecutive, as one bulk insert makes them."""
    first_class = dataset.classes.order_by("pk").values_list("pk", flat=True)[0]
    hashed = (
        "lpad(to_hex(i), 64, '0')" if connection.vendor == "postgresql" else "printf('%064x', i)"
    )
    yes, no = ("true", "false") if connection.vendor == "postgresql" else ("1", "0")
    statement = f"""
        WITH RECURSIVE numbers(i) AS (
            SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < %s
        )
        INSERT INTO datasets_sample ({COLUMNS})
        SELECT %s, {batches[0]} + i %% {len(batches)}, {people[0]} + (i %% {len(batches)}) %% {len(people)},
            CASE WHEN i %% {PENDING} = 0 THEN 'pending'
                 WHEN i %% {REJECTED} = 0 THEN 'rejected' ELSE 'approved' END,
            {first_class} + i %% {CLASSES}, '', '',
            CASE WHEN i %% {DISPUTED} = 1 THEN {yes} ELSE {no} END,
            {hashed}, {hashed}, {hashed}, '', 'image/jpeg', 600, 440, 2, 80000,
            '', 'source ' || ((i %% {len(batches)}) %% 7), 'CC0-1.0', substr({hashed}, 33), '', ''
        FROM numbers
    """  # noqa: S608 - numbers and names of our own
    with connection.cursor() as cursor:
        cursor.execute(statement, [samples, dataset.pk])
