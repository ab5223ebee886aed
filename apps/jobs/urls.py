"""Addresses of the job side."""

from django.urls import path
from django.urls.resolvers import URLPattern, URLResolver

from apps.jobs import api, pages

OF_DATASET = "datasets/<slug:slug>/"
ONE = "jobs/<uuid:uuid>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{OF_DATASET}jobs/", pages.jobs, name="jobs"),
    path(f"{OF_DATASET}jobs/new/", pages.job_new, name="job_new"),
    path(f"{OF_DATASET}jobs/plan/", pages.job_plan, name="job_plan"),
    path(f"{OF_DATASET}versions/<int:number>/jobs/new/", pages.job_new, name="job_new"),
    path(ONE, pages.job, name="job"),
    path(f"{ONE}live/", pages.job_live, name="job_live"),
    path(f"{ONE}approve/", pages.job_approve, name="job_approve"),
    path(f"{ONE}reject/", pages.job_reject, name="job_reject"),
    path(f"{ONE}cancel/", pages.job_cancel, name="job_cancel"),
    path("workers/", pages.workers, name="workers"),
    path(f"api/{OF_DATASET}jobs/", api.Jobs.as_view(), name="api_jobs"),
    path(f"api/{ONE}", api.OneJob.as_view(), name="api_job"),
    path(f"api/{ONE}approve/", api.Approve.as_view(), name="api_job_approve"),
    path(f"api/{ONE}reject/", api.Reject.as_view(), name="api_job_reject"),
    path(f"api/{ONE}cancel/", api.Cancel.as_view(), name="api_job_cancel"),
    path(f"api/{ONE}events/", api.Events.as_view(), name="api_job_events"),
    path(f"api/{ONE}artifacts/", api.Artifacts.as_view(), name="api_artifacts"),
    path(f"api/{ONE}artifacts/<slug:role>/", api.OneArtifact.as_view(), name="api_artifact"),
]
