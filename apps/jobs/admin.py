"""The operator's view. Read-only: what may change, changes through actions."""

from django.contrib import admin

from apps.jobs.models import Attempt, TrainingJob, Worker


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(TrainingJob)
class TrainingJobAdmin(ReadOnly):
    list_display = ("title", "version", "member", "status", "attempt_number", "code", "created_at")
    list_filter = ("status",)
    list_select_related = ("version__dataset", "member")


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ("job", "number", "worker", "status", "lease_until", "code")
    list_filter = ("status",)
    list_select_related = ("job", "worker")


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    list_display = ("name", "host", "device", "threads", "last_seen")
