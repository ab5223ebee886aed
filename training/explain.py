"""What is wrong with a configuration, field by field, in sentences."""

from typing import Any, NamedTuple

from pydantic import ValidationError

# After these fields pydantic puts the chosen kind into the location; members never wrote it there.
UNION_FIELDS = frozenset({"model", "optimizer", "schedule", "averaging", "pruning"})

SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no field of this name.",
    "greater_than": "Must be greater than {gt}.",
    "greater_than_equal": "Must be at least {ge}.",
    "less_than": "Must be less than {lt}.",
    "less_than_equal": "Must be at most {le}.",
    "multiple_of": "Must be a multiple of {multiple_of}.",
    "finite_number": "Must be a finite number.",
    "literal_error": "Must be one of {expected}.",
    "union_tag_invalid": "Must be one of {expected_tags}.",
    "union_tag_not_found": "Say which kind is meant.",
    "int_type": "Must be a whole number.",
    "int_from_float": "Must be a whole number.",
    "float_type": "Must be a number.",
    "bool_type": "Must be true or false.",
    "string_type": "Must be a text.",
    "tuple_type": "Must be a list.",
    "too_short": "Holds too few items: {min_length} is the least.",
    "too_long": "Holds too many items: {max_length} is the most.",
    "model_type": "Must be an object with named fields.",
    "model_attributes_type": "Must be an object with named fields.",
    "dict_type": "Must be an object with named fields.",
    "json_invalid": "Is not valid JSON: {error}.",
}


class Problem(NamedTuple):
    """One thing wrong. ``code`` and ``values`` are for those who translate ``sentence``."""

    field: str
    code: str
    values: dict[str, Any]
    sentence: str


def list_problems(error: ValidationError) -> list[Problem]:
    """Every problem in the order of the fields. ``field`` is dotted: ``model.blocks.0.kernel``."""
    found = [
        _problem(item["type"], item["loc"], item["msg"], dict(item.get("ctx", {})))
        for item in error.errors(include_url=False, include_input=False)
    ]
    # A list whose items are refused also counts as too short: say only what to repair.
    return [
        one
        for one in found
        if one.code != "too_short"
        or not any(other.field.startswith(f"{one.field}.") for other in found)
    ]


def describe_errors(error: ValidationError) -> dict[str, list[str]]:
    """Dotted field → sentences. What concerns the whole document stands under ``config``."""
    found: dict[str, list[str]] = {}
    for problem in list_problems(error):
        found.setdefault(problem.field, []).append(problem.sentence)
    return found


def _problem(
    code: str, location: tuple[int | str, ...], message: str, values: dict[str, Any]
) -> Problem:
    # A rule between fields is raised at the top and names its field itself.
    field = values.pop("field", None) or _dotted(code, location)
    sentence = SENTENCES.get(code)
    if sentence is None:
        text = message[:1].upper() + message[1:]
        return Problem(field, code, values, text if text.endswith(".") else f"{text}.")
    return Problem(field, code, values, sentence.format(**values))


def _dotted(code: str, location: tuple[int | str, ...]) -> str:
    parts = list(location)
    if len(parts) > 1 and parts[0] in UNION_FIELDS:
        del parts[1]
    if code.startswith("union_tag"):
        parts.append("kind")
    return ".".join(map(str, parts)) or "config"
