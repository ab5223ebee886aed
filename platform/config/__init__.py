"""The Django project. `app` is the Celery application (`celery -A config`)."""

from config.celery import app

__all__ = ["app"]
