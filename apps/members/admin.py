"""Looking members up. Tokens can be revoked here, never made or read."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from apps.members.models import ApiToken, User


@admin.register(User)
class MemberAdmin(UserAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The address is asked for as well: it is unique, so an empty one would fit only once."""

    fieldsets = (*(UserAdmin.fieldsets or ()), (None, {"fields": ("storage_quota",)}))
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "email", "usable_password", "password1", "password2")},
        ),
    )


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ("name", "user", "created", "expiry", "last_used")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "created", "expiry", "last_used")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
