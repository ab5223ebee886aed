"""Proposing a job: a configuration, never code, against an approved version."""

import json
from collections.abc import Iterator
from typing import Any, get_args

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import ValidationError

from apps.datasets.models import Split, Version
from apps.errors import RuleError, invalid
from apps.jobs.models import TrainingJob
from apps.jobs.permissions import require_proposer
from apps.jobs.problems import describe
from apps.state.models import Event
from training.config import ImageModel, JobConfig, TextModel, canonical_json, config_sha256
from training.plan import plan

MAX_TITLE = 120


def propose_job(version: Version, by: Any, title: str, config: dict[str, Any]) -> TrainingJob:
    """A new proposal; a maintainer decides. Refuses an unapproved version and a bad configuration."""
    require_proposer(by, version.dataset)
    _require_trainable(version)
    checked = read_config(config, version)
    title = " ".join(title.split())
    if not title or len(title) > MAX_TITLE:
        raise invalid(
            "invalid_title",
            _("Give the job a title of 1 to %(most)s characters.") % {"most": MAX_TITLE},
            field="title",
        )
    with transaction.atomic():
        job = TrainingJob.objects.create(
            version=version,
            member=by,
            title=title,
            config=json.loads(canonical_json(checked)),
            config_sha256=config_sha256(checked),
            plan=plan_of(checked, version),
        )
        Event.objects.create(
            subject=job._meta.label_lower, subject_id=job.pk, was="", became=job.status, by=by
        )
    return job


def _require_trainable(version: Version) -> None:
    require_nothing_withdrawn(version)
    if version.status == Version.Status.APPROVED:
        return
    if version.status == Version.Status.DRAFT:
        step = _("A maintainer has to approve it first.")
    elif version.status == Version.Status.BUILDING:
        step = _("Wait until it is frozen; then a maintainer approves it.")
    else:
        step = _("Choose an approved version, or freeze a new one.")
    raise RuleError(
        "version_not_approved",
        _("Version %(number)s is “%(state)s”, and jobs train on approved versions only. %(step)s")
        % {"number": version.number, "state": version.get_status_display(), "step": step},
        version=version.number,
        state=version.status,
    )


def require_nothing_withdrawn(version: Version) -> None:
    """Refuse a version that lost samples: their bytes are erased."""
    if version.withdrawn:
        raise RuleError(
            "version_has_withdrawn",
            _(
                "%(count)s samples of version %(number)s were withdrawn, so nothing more is trained "
                "on it. Freeze its successor and propose the job there."
            )
            % {"count": version.withdrawn, "number": version.number},
            version=version.number,
            withdrawn=version.withdrawn,
        )


def read_config(config: dict[str, Any], version: Version) -> JobConfig:
    """The configuration, checked. Refuses with every problem of every field at once."""
    try:
        # Through JSON, so that what is kept is what was checked.
        checked = JobConfig.model_validate_json(json.dumps(config))
    except ValidationError as error:
        raise invalid_config(describe(error)) from error
    if problems := dict(_what_does_not_fit(checked, version)):
        raise invalid_config(problems)
    return checked


def _what_does_not_fit(config: JobConfig, version: Version) -> Iterator[tuple[str, list[str]]]:
    """(field, sentences): a configuration that could be trained, but not here or not on this."""
    dataset = version.dataset
    if dataset.holds_texts and not config.reads_texts:
        text = _("This dataset holds texts, and this model reads images: choose %(kinds)s.")
        yield "model.kind", [text % {"kinds": _kinds_of(TextModel)}]
    if config.reads_texts and not dataset.holds_texts:
        text = _("This dataset holds images, and this model reads texts: choose %(kinds)s.")
        yield "model.kind", [text % {"kinds": _kinds_of(ImageModel)}]
    if config.augmentation.flip and not dataset.flips_preserve_labels:
        text = _("In this dataset a mirrored image may belong to another class: turn this off.")
        yield "augmentation.flip", [text]
    if config.devices > settings.JOB_DEVICES:
        text = ngettext(
            "A worker of this site has %(most)s device.",
            "A worker of this site has %(most)s devices.",
            settings.JOB_DEVICES,
        )
        yield "devices", [text % {"most": settings.JOB_DEVICES}]


def _kinds_of(models: Any) -> str:
    """The kinds that a union of models allows, as a list to read."""
    return ", ".join(each.model_fields["kind"].default for each in get_args(models))


def invalid_config(errors: dict[str, list[str]]) -> RuleError:
    named = "; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items())
    return invalid(
        "invalid_config",
        _("This configuration cannot be trained. %(errors)s") % {"errors": named},
        errors=errors,
    )


def plan_of(config: JobConfig, version: Version) -> dict[str, Any]:
    """What the job will take on this version, as plain numbers."""
    samples = dict.fromkeys(Split.values, 0)
    for per_split in version.counts.values():
        for split, number in per_split.items():
            samples[split] += number
    per_class = [version.counts.get(name, {}).get(Split.TRAIN, 0) for name in version.class_names]
    try:
        cost = plan(
            config,
            classes=len(version.classes),
            train_samples=samples[Split.TRAIN],
            validation_samples=samples[Split.VALIDATION],
            test_samples=samples[Split.TEST],
            per_class=per_class,
        )
    except ValueError as error:
        raise RuleError(
            "nothing_to_train",
            _(
                "Version %(number)s has %(classes)s classes and %(train)s training samples; training "
                "needs at least two of each. Freeze a version with more."
            )
            % {
                "number": version.number,
                "classes": len(version.classes),
                "train": samples[Split.TRAIN],
            },
        ) from error
    return {
        "parameters": cost.parameters,
        "flops_per_sample": cost.flops_per_sample,
        "training_flops": cost.training_flops,
        "memory_bytes": cost.memory_bytes,
        "data_bytes": cost.data_bytes,
        "steps_per_epoch": cost.steps_per_epoch,
        "steps": cost.steps,
        "samples": samples,
    }
