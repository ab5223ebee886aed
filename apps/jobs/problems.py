"""What is wrong with a configuration, in the reader's language.

`training` names each problem by a code and its values, and knows no translations: the sentences here
are the same as its own (a test compares them), marked for translation.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import ValidationError

from training.config import Problem, list_problems

SENTENCES = {
    "missing": gettext_noop("This field is required."),
    "extra_forbidden": gettext_noop("There is no field of this name."),
    "greater_than": gettext_noop("Must be greater than {gt}."),
    "greater_than_equal": gettext_noop("Must be at least {ge}."),
    "less_than": gettext_noop("Must be less than {lt}."),
    "less_than_equal": gettext_noop("Must be at most {le}."),
    "multiple_of": gettext_noop("Must be a multiple of {multiple_of}."),
    "finite_number": gettext_noop("Must be a finite number."),
    "literal_error": gettext_noop("Must be one of {expected}."),
    "union_tag_invalid": gettext_noop("Must be one of {expected_tags}."),
    "union_tag_not_found": gettext_noop("Say which kind is meant."),
    "int_type": gettext_noop("Must be a whole number."),
    "int_from_float": gettext_noop("Must be a whole number."),
    "float_type": gettext_noop("Must be a number."),
    "bool_type": gettext_noop("Must be true or false."),
    "string_type": gettext_noop("Must be a text."),
    "tuple_type": gettext_noop("Must be a list."),
    "too_short": gettext_noop("Holds too few items: {min_length} is the least."),
    "too_long": gettext_noop("Holds too many items: {max_length} is the most."),
    "model_type": gettext_noop("Must be an object with named fields."),
    "model_attributes_type": gettext_noop("Must be an object with named fields."),
    "dict_type": gettext_noop("Must be an object with named fields."),
    "nesterov_without_momentum": gettext_noop(
        "Nesterov needs a momentum above 0: raise optimizer.momentum or turn this off."
    ),
    "alternate_without_flip": gettext_noop(
        "This says how flip takes turns: turn augmentation.flip on, or this off."
    ),
    "balanced_twice": gettext_noop(
        "This sampling shows every class as often already: choose one of the two."
    ),
    "not_prunable": gettext_noop("Only the channels of a CNN can be removed: choose magnitude."),
    "not_read": gettext_noop("A model of this kind does not read this: leave it out."),
    "no_views_of_texts": gettext_noop("A text has one view only: turn this off."),
    "batch_not_shared_evenly": gettext_noop(
        "{devices} devices cannot share a batch_size of {batch} evenly, with two samples or more "
        "for each."
    ),
    "batch_too_small_for_norm": gettext_noop(
        "Batch normalisation needs a batch_size of at least {least} for each device: raise it, or "
        "choose group."
    ),
    "pooled_away": gettext_noop(
        "Pooling leaves less than one pixel here: use pool 1, or an image.size above {size}."
    ),
    "dense_too_large": gettext_noop(
        "This layer would hold {weights} weights; at most {most} are allowed. Pool more, or choose "
        "fewer channels or a smaller image."
    ),
    "stem_too_large": gettext_noop(
        "This stem needs an image.size of at least {least}: raise it, or choose small."
    ),
    "patches_do_not_fit": gettext_noop(
        "Squares of {patch} pixels do not fill an image of {size}: choose a divisor."
    ),
    "too_many_patches": gettext_noop(
        "This cuts the image into {patches} patches; at most {most} are allowed. Choose larger ones."
    ),
    "heads_do_not_fit": gettext_noop(
        "{heads} heads cannot share a width of {width} evenly: choose a divisor."
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
