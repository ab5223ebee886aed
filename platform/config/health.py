"""Is the process alive (healthz); may it take traffic (readyz)."""

from django.core.cache import cache
from django.core.files.storage import storages
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Each dependency by name; 503 when one is not there. Nothing about why: that is in the log."""
    found = {"database": _database(), "cache": _cache(), "blobs": _blobs()}
    return JsonResponse(found, status=200 if all(found.values()) else 503)


def _database() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _cache() -> bool:
    cache.set("readyz", 1, 5)
    return bool(cache.get("readyz") == 1)


def _blobs() -> bool:
    return not storages["blobs"].exists("no-such-blob")
