"""How API lists are paged."""

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
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
