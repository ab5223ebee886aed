"""Why a file is refused: a code and its facts (the sentence is in apps.datasets.receipts)."""

from typing import Any


class Refused(Exception):
    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
