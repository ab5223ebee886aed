"""Pages of jobs: a dataset's jobs, a proposal, one job with its curves, the workers."""

import hashlib
import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import condition, require_POST, require_safe

from apps.datasets.models import Dataset, Version
from apps.datasets.pages.paging import paged
from apps.datasets.pages.samples import address
from apps.datasets.pages.scope import dataset_of, frame, refuse
from apps.errors import RuleError, invalid
from apps.jobs import actions
from apps.jobs.api import artifacts_of, job_of, whole
from apps.jobs.forms import RejectForm, propose_form
from apps.jobs.models import Attempt, TrainingJob, Worker
from apps.jobs.permissions import may_cancel, may_decide
from apps.jobs.reads import epochs, expected_seconds, listed, reason
from apps.jobs.scores import HEIGHT, WIDTH, pruned, scores
from apps.jobs.starts import offered, recipe_of
from apps.jobs.wording import facts
from apps.state.models import Event
from training.recipes import Recipe

SHOWN = 50


@require_safe
def jobs(request: HttpRequest, slug: str) -> HttpResponse:
    """All jobs of a dataset, newest first; of one version where asked for."""
    dataset = dataset_of(request, slug)
    found = TrainingJob.objects.filter(version__dataset=dataset)
    number = request.GET.get("version", "")
    if number:
        found = found.filter(version__number=whole(number, "version"))
    query = f"?version={number}" if number else "?"
    page = paged(request, found.select_related("version__dataset", "member"), SHOWN, query=query)
    context = frame(request, dataset, "jobs") | page
    context |= {
        "rows": listed(page["rows"]),
        "versions": dataset.versions.brief().filter(
            Exists(TrainingJob.objects.filter(version=OuterRef("pk")))
        ),
        "number": number,
        "trainable": dataset.versions.filter(status=Version.Status.APPROVED).exists(),
    }
    return render(request, "jobs/jobs.html", context)


@login_required
def job_new(request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
    """Propose a job on an approved version."""
    dataset = dataset_of(request, slug)
    chosen = number or whole(request.GET.get("version", "0") or "0", "version")
    initial = {"version": dataset.versions.filter(number=chosen).first()} if chosen else {}
    recipe = _recipe(request, dataset)
    form = propose_form(dataset, request.POST or None, recipe=recipe, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            job = actions.propose_job(
                form.cleaned_data["version"],
                request.user,
                form.cleaned_data["title"],
                form.config(),
            )
        except RuleError as error:
            if error.code != "invalid_config":
                refuse(form, error)
            form.refuse(error.facts.get("errors", {}))
        else:
            messages.success(
                request, _("Your job is proposed. A maintainer decides about it next.")
            )
            return redirect("job", job.uuid)
    context = frame(request, dataset, "jobs") | {
        "form": form,
        "recipe": recipe,
        "recipes": offered(dataset),
        "chosen": chosen,
        "base": facts(form.base) if recipe else [],
        "base_json": json.dumps(form.base, indent=1, ensure_ascii=False),
        "trainable": dataset.versions.filter(status=Version.Status.APPROVED).exists(),
    }
    return render(request, "jobs/new.html", context)


def _recipe(request: HttpRequest, dataset: Dataset) -> Recipe | None:
    """What the proposal starts from: said by the form where it is sent, else by the address."""
    name = request.POST.get("recipe", "") or request.GET.get("recipe", "")
    try:
        return recipe_of(dataset, name)
    except KeyError:
        raise Http404 from None


@require_safe
@login_required
def job_plan(request: HttpRequest, slug: str) -> HttpResponse:
    """What the form as it stands would cost; polled by the form's script."""
    dataset = dataset_of(request, slug)
    values = {"title": "-", **request.GET.dict()}
    form = propose_form(dataset, values, recipe=_recipe(request, dataset))
    context: dict[str, Any] = {}
    if form.is_valid():
        version = form.cleaned_data["version"]
        try:
            config = actions.read_config(form.config(), version)
            plan = actions.plan_of(config, version)
        except RuleError:
            pass  # the form itself will say what is wrong, when it is sent
        else:
            seconds = expected_seconds(plan["training_flops"], config.model.kind)
            context = {"plan": plan, "seconds": seconds}
    return render(request, "jobs/_estimate.html", context)


@require_safe
def job(request: HttpRequest, uuid: str) -> HttpResponse:
    """One job: where it stands, its curves, its log, what it left."""
    found = job_of(request.user, uuid)
    context = frame(request, found.dataset, "jobs") | _live(request, found)
    context |= {
        "artifacts": artifacts_of(found),
        "chain": _chain(found),
        "events": Event.objects.about(found).select_related("by"),
        "statuses": dict(TrainingJob.Status.choices),
        "config": facts(found.config),
        "scores": scores(found),
        "pruned": pruned(found),
        "diagram": {"width": WIDTH, "height": HEIGHT},
        "config_json": json.dumps(found.config, indent=1, ensure_ascii=False),
    }
    return render(request, "jobs/job.html", context)


def _live(request: HttpRequest, found: TrainingJob) -> dict[str, Any]:
    """What changes while it runs."""
    attempt = found.attempts.select_related("worker").last()
    progress = attempt.progress if attempt else {}
    decides = may_decide(request.user, found)
    return {
        "job": found,
        "attempt": attempt,
        "attempts": found.attempts.select_related("worker"),
        "attempt_statuses": dict(Attempt.Status.choices),
        "progress": progress,
        "waiting_for": actions.why_waiting(found),
        "reason": reason(found),
        "epochs": epochs(found),
        "test": (found.result.get("metrics") or {}).get("test"),
        "may_decide": decides and found.status == TrainingJob.Status.PROPOSED,
        "may_cancel": may_cancel(request.user, found)
        and not found.over
        and found.status != TrainingJob.Status.CANCELLING,
        "reject_form": RejectForm(),
    }


def _chain(found: TrainingJob) -> list[dict[str, Any]]:
    slug, number = found.dataset.slug, found.version.number
    images = f"{reverse('samples', args=[slug])}?status=approved"
    board = address("leaderboard", slug)
    scored = found.status == TrainingJob.Status.SUCCEEDED and board
    return [
        {"kind": _("Reviewed samples"), "name": str(found.version.size), "url": images},
        {
            "kind": _("Version"),
            "name": str(number),
            "url": reverse("version", args=[slug, number]),
        },
        {"kind": _("Training job"), "name": found.title, "here": True},
        {
            "kind": _("Leaderboard"),
            "name": found.dataset.title,
            "url": f"{board}?version={number}#job-{found.uuid}" if scored else "",
        },
    ]


def live_tag(request: HttpRequest, uuid: str) -> str:
    """Changes whenever the fragment would: from a few columns, without rendering it."""
    found = job_of(request.user, uuid)
    attempt = found.attempts.last()
    waiting = actions.why_waiting(found)
    seen: list[Any] = [get_language(), request.user.pk, found.status, found.attempt_number, waiting]
    if attempt:
        seen += [attempt.status, attempt.last_seq, len(attempt.log_tail), attempt.first_step_at]
    return f'"{hashlib.sha256(repr(seen).encode()).hexdigest()[:32]}"'


@require_safe
@condition(etag_func=live_tag)
def job_live(request: HttpRequest, uuid: str) -> HttpResponse:
    """Where the job stands, or (`?part=details`) what its run has measured and said."""
    part = "_details" if request.GET.get("part") == "details" else "_live"
    return render(request, f"jobs/{part}.html", _live(request, job_of(request.user, uuid)))


@require_POST
@login_required
def job_approve(request: HttpRequest, uuid: str) -> HttpResponse:
    found = job_of(request.user, uuid)
    actions.approve_job(found, request.user)
    messages.success(request, _("The job is approved and waits for a worker."))
    return redirect("job", uuid)


@require_POST
@login_required
def job_reject(request: HttpRequest, uuid: str) -> HttpResponse:
    found = job_of(request.user, uuid)
    form = RejectForm(request.POST)
    if not form.is_valid():
        raise invalid("reason_missing", _("Say why, so that the member can do better."))
    actions.reject_job(found, request.user, form.cleaned_data["reason"])
    messages.success(request, _("The job is rejected; its member sees why."))
    return redirect("job", uuid)


@require_POST
@login_required
def job_cancel(request: HttpRequest, uuid: str) -> HttpResponse:
    found = job_of(request.user, uuid)
    actions.cancel_job(found, request.user)
    if found.status == TrainingJob.Status.CANCELLED:
        messages.success(request, _("The job is cancelled."))
    else:
        messages.success(request, _("The worker is told to stop; that takes a few seconds."))
    return redirect("job", uuid)


@require_safe
@login_required
def workers(request: HttpRequest) -> HttpResponse:
    """Who trains, and how much waits for them."""
    alive = set(Worker.objects.alive().values_list("pk", flat=True))
    live = Attempt.objects.live().select_related("job__version__dataset")
    doing = {each.worker_id: each.job for each in live}
    visible = set(
        TrainingJob.objects.visible_to(request.user)
        .filter(pk__in=[job.pk for job in doing.values()])
        .values_list("pk", flat=True)
    )
    finished = Count("attempts", filter=Q(attempts__status=Attempt.Status.SUCCEEDED))
    rows = [
        {
            "worker": worker,
            "alive": worker.pk in alive,
            "job": doing.get(worker.pk),
            "visible": worker.pk in doing and doing[worker.pk].pk in visible,
        }
        for worker in Worker.objects.annotate(finished=finished).order_by("-last_seen", "name")
    ]
    context = {
        "rows": rows,
        "alive": len(alive),
        "queued": TrainingJob.objects.filter(status=TrainingJob.Status.QUEUED).count(),
    }
    return render(request, "jobs/workers.html", context)
