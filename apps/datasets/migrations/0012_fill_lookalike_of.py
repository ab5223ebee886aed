"""Existing look-alikes: their receipts say what each resembled most, unless a reviewer set it apart."""

from django.db import migrations

PORTION = 1000


def fill(apps, _schema_editor):
    Sample = apps.get_model("datasets", "Sample")
    Receipt = apps.get_model("datasets", "Receipt")
    Review = apps.get_model("datasets", "Review")
    told = Receipt.objects.filter(code__in=["lookalike", "held_lookalike", "held_bridge"])
    apart = Review.objects.filter(decision="release", note="apart").values("sample")
    told = told.exclude(sample=None).exclude(sample__in=apart)
    rows = told.order_by("pk").values_list("sample", "facts")
    portion = []
    for sample, facts in rows.iterator(PORTION):
        if facts.get("lookalike_of"):
            portion.append((sample, facts["lookalike_of"]))
        if len(portion) == PORTION:
            write(Sample, portion)
            portion = []
    write(Sample, portion)


def write(Sample, portion):
    wanted = [other for _pk, other in portion]
    others = set(Sample.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    Sample.objects.bulk_update(
        [Sample(pk=pk, lookalike_of_id=other) for pk, other in portion if other in others],
        ["lookalike_of"],
        batch_size=200,
    )


class Migration(migrations.Migration):
    dependencies = [("datasets", "0011_remember_what_a_sample_resembles")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
