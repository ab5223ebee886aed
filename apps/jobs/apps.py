from importlib import import_module

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "apps.jobs"

    def ready(self) -> None:
        import_module("apps.jobs.checks")
