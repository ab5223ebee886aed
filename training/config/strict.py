"""What all parts of a configuration have in common."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

T = TypeVar("T")
# JSON knows lists only; strict mode would refuse one where a tuple is declared.
Items = Annotated[tuple[T, ...], Field(strict=False)]


class Strict(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )


def refuse(field: str, code: str, sentence: str, **values: Any) -> PydanticCustomError:
    """An error that a rule between fields raises on behalf of one of them."""
    return PydanticCustomError(code, sentence, {"field": field, **values})
