"""The Celery application: a doorbell, never the queue (the database row is the truth)."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

# Before the first connection: `filesystem://` means ours from here on.
TRANSPORT_ALIASES["filesystem"] = "config.broker:Transport"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("potluck")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
