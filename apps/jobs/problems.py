"""What is wrong with a configuration, in the reader's language.

`training` names each problem by a code and its values, and knows no translations: the sentences here
are the same as its own (a test compares them), marked for translation.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as later
from pydantic import ValidationError

from training.config import Problem, list_problems

SENTENCES = {
    "missing": later("This field is required."),
    "extra_forbidden": later("There is no field of this name."),
    "greater_than": later("Must be greater than {gt}."),
    "greater_than_equal": later("Must be at least {ge}."),
    "less_than": later("Must be less than {lt}."),
    "less_than_equal": later("Must be at most {le}."),
    "multiple_of": later("Must be a multiple of {multiple_of}."),
    "finite_number": later("Must be a finite number."),
    "literal_error": later("Must be one of {expected}."),
    "union_tag_invalid": later("Must be one of {expected_tags}."),
    "union_tag_not_found": later("Say which kind is meant."),
    "int_type": later("Must be a whole number."),
    "int_from_float": later("Must be a whole number."),
    "float_type": later("Must be a number."),
    "bool_type": later("Must be true or false."),
    "string_type": later("Must be a text."),
    "tuple_type": later("Must be a list."),
    "too_short": later("Holds too few items: {min_length} is the least."),
    "too_long": later("Holds too many items: {max_length} is the most."),
    "model_type": later("Must be an object with named fields."),
    "model_attributes_type": later("Must be an object with named fields."),
    "dict_type": later("Must be an object with named fields."),
    "nesterov_without_momentum": later(
        "Nesterov needs a momentum above 0: raise optimizer.momentum or turn this off."
    ),
    "batch_too_small_for_norm": later(
        "Batch normalisation needs a batch_size of at least {least}: raise it, or choose group."
    ),
    "pooled_away": later(
        "Pooling leaves less than one pixel here: use pool 1, or an image.size above {size}."
    ),
    "dense_too_large": later(
        "This layer would hold {weights} weights; at most {most} are allowed. Pool more, or choose "
        "fewer channels or a smaller image."
    ),
}


def describe(error: ValidationError) -> dict[str, list[str]]:
    """{dotted field: sentences}."""
    found: dict[str, list[str]] = {}
    for problem in list_problems(error):
        found.setdefault(problem.field, []).append(_sentence(problem))
    return found


def _sentence(problem: Problem) -> str:
    template = SENTENCES.get(problem.code)
    if template is None:
        return problem.sentence
    try:
        return _(template).format(**problem.values)
    except (KeyError, IndexError):
        return problem.sentence
