"""API tokens: authentication."""

from knox.auth import TokenAuthentication

__all__ = ["TokenAuthentication"]
