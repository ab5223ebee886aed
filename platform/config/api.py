"""How API lists are paged."""

from rest_framework.pagination import CursorPagination


class KeysetPagination(CursorPagination):
    """Newest first by primary key: page 10,000 costs what page 1 costs."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 500
