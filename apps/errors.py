"""Refusals. A rule that says no raises RuleError; one handler per surface makes HTTP of it."""

from typing import Any


class RuleError(Exception):
    """A refused action: a stable `code`, a sentence for people, and the HTTP status it maps to.

    The sentence names the state that was found and the next step. `facts` are machine-readable
    details (they appear in problem+json beside the code).
    """

    def __init__(self, code: str, message: str, *, status: int = 409, **facts: Any) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def forbidden(code: str, message: str, **facts: Any) -> RuleError:
    """The refusal of somebody who may see the thing but not do this to it."""
    return RuleError(code, message, status=403, **facts)


def invalid(code: str, message: str, **facts: Any) -> RuleError:
    """The refusal of input that cannot be right, whatever the state."""
    return RuleError(code, message, status=400, **facts)
