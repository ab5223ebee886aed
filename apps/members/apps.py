from importlib import import_module

from django.apps import AppConfig


class MembersConfig(AppConfig):
    name = "apps.members"

    def ready(self) -> None:
        # Registers itself with drf-spectacular by being imported.
        import_module("apps.members.schema")
