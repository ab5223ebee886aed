"""How the API pages its lists and writes its JSON."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from apps.datasets.searching import is_number


class KeysetPagination(CursorPagination):
    """Newest first by primary key: page 10,000 costs what page 1 costs."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 500

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises NotFound for a cursor that no answer ever gave."""
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor and cursor.position is not None and not is_number(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor


class Escaping(JSONRenderer):
    ensure_ascii = True


class Renderer(JSONRenderer):
    """A refusal may repeat half a surrogate pair that was sent: UTF-8 has none, but an escape says it."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        try:
            return bytes(super().render(data, *args, **kwargs))
        except UnicodeEncodeError:
            return bytes(Escaping().render(data, *args, **kwargs))
