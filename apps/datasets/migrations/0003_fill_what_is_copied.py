"""Existing samples: source and licence from their contribution, the scale, and the tallies."""

import secrets

from django.db import migrations
from django.db.models import Count, F, OuterRef, Subquery, Sum
from django.db.models.functions import Greatest


def fill(apps, _schema_editor):
    Sample = apps.get_model("datasets", "Sample")
    Contribution = apps.get_model("datasets", "Contribution")
    Dataset = apps.get_model("datasets", "Dataset")
    Tally = apps.get_model("datasets", "Tally")
    mine = Contribution.objects.filter(pk=OuterRef("contribution"))
    samples = Sample.objects.annotate(longer=Greatest(F("width"), F("height")))
    samples.update(
        source=Subquery(mine.values("source")[:1]),
        licence=Subquery(mine.values("licence")[:1]),
    )
    for below, scale in ((None, 3), (1024, 2), (256, 1), (64, 0)):
        of_this = samples if below is None else samples.filter(longer__lt=below)
        of_this.update(scale=scale)
    for dataset in Dataset.objects.all():
        dataset.seal_key = secrets.token_hex(32)
        dataset.save(update_fields=["seal_key"])
    keys = ("dataset_id", "contribution_id", "label_id", "status")
    rows = Sample.objects.order_by().values_list(*keys).annotate(n=Count("pk"), b=Sum("size"))
    Tally.objects.bulk_create(
        (
            Tally(
                dataset_id=dataset,
                contribution_id=contribution,
                label=label or 0,
                status=status,
                hold="",
                number=number,
                bytes=size,
            )
            for dataset, contribution, label, status, number, size in rows
        ),
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [("datasets", "0002_the_data_side_in_full")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
