"""Is the process alive (healthz); may it take traffic (readyz)."""

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.core.files.storage import storages
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

log = logging.getLogger(__name__)


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Each dependency by name; 503 when one is not there. Nothing about why: that is in the log."""
    found = {name: answers(check) for name, check in CHECKS.items()}
    return JsonResponse(found, status=200 if all(found.values()) else 503)


def answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        log.warning("%s is not ready", check.__name__, exc_info=True)
        return False


def _database() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _cache() -> bool:
    cache.set("readyz", 1, 5)
    return bool(cache.get("readyz") == 1)


def _blobs() -> bool:
    return not storages["blobs"].exists("no-such-blob")


CHECKS: dict[str, Callable[[], bool]] = {"database": _database, "cache": _cache, "blobs": _blobs}
