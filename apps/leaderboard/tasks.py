"""Celery shells around the actions."""

from celery import shared_task

from apps.leaderboard.actions import collect_entries


@shared_task
def collect() -> None:
    """Beat: finished jobs become entries."""
    collect_entries()
