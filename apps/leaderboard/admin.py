"""The operator's view of entries. Read-only: the platform scores."""

from django.contrib import admin

from apps.jobs.admin import ReadOnly
from apps.leaderboard.models import Entry


@admin.register(Entry)
class EntryAdmin(ReadOnly):
    list_display = ("job", "benchmark", "rank", "accuracy", "macro_f1", "problem", "created_at")
    list_select_related = ("job", "benchmark__version__dataset")
