"""Every rule of the job side: one verb function each.

What only workers do (preparing a folder, watching a run) is in apps.jobs.runner.
"""

from apps.jobs.actions.claiming import Beat, claim_job, renew_lease, see_worker, stop_worker
from apps.jobs.actions.deciding import approve_job, cancel_job, reject_job
from apps.jobs.actions.ending import Ending, Kept, finish_attempt, lose_attempt
from apps.jobs.actions.proposing import plan_of, propose_job, read_config
from apps.jobs.actions.reconciling import reconcile_jobs
from apps.jobs.actions.reporting import begin_run, record_events
from apps.jobs.actions.waiting import Waiting, why_waiting

__all__ = [
    "Beat",
    "Ending",
    "Kept",
    "Waiting",
    "approve_job",
    "begin_run",
    "cancel_job",
    "claim_job",
    "finish_attempt",
    "lose_attempt",
    "plan_of",
    "propose_job",
    "read_config",
    "reconcile_jobs",
    "record_events",
    "reject_job",
    "renew_lease",
    "see_worker",
    "stop_worker",
    "why_waiting",
]
