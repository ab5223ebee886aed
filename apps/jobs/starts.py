"""Where a proposal starts: a recipe of training's, or values that suit the dataset."""

from typing import Any

from apps.datasets.models import Dataset, Sample
from training import recipes
from training.recipes import Recipe

LOOKED_AT = 20  # samples, to guess from
SMALLEST_SIDE, LARGEST_SIDE = 16, 64
CHINESE_AND_JAPANESE = range(0x3040, 0xA000)  # kana and ideographs, written without spaces


def offered(dataset: Dataset) -> list[Recipe]:
    """The recipes whose model fits what the dataset holds."""
    found = map(recipes.read, recipes.names())
    return [each for each in found if each.config.reads_texts == dataset.holds_texts]


def recipe_of(dataset: Dataset, name: str) -> Recipe | None:
    """The recipe of this name, None for no name. Raises KeyError where the dataset has none such."""
    return {each.name: each for each in offered(dataset)}[name] if name else None


def usual_values(dataset: Dataset) -> dict[str, Any]:
    """What the form starts with where no recipe says otherwise."""
    shown = Sample.objects.filter(dataset=dataset, status=Sample.Status.APPROVED)
    if dataset.holds_texts:
        excerpts = "".join(shown.values_list("excerpt", flat=True)[:LOOKED_AT])
        return {"tokenizer": _usual_tokenizer(excerpts), "gradient_clip": 1.0}
    return {"image_size": _usual_side(list(shown.values_list("width", "height")[:LOOKED_AT]))}


def _usual_side(sizes: list[tuple[int | None, int | None]]) -> int:
    """No larger than the images are, nor than trains in a while."""
    sides = [side or 0 for size in sizes for side in size]
    return min(LARGEST_SIDE, max(SMALLEST_SIDE, max(sides, default=32)))


def _usual_tokenizer(text: str) -> str:
    """Words can be told from their pieces only where spaces part them."""
    letters = [letter for letter in text if letter.isalpha()]
    unspaced = sum(ord(letter) in CHINESE_AND_JAPANESE for letter in letters)
    return "characters" if unspaced * 2 > len(letters) else "bpe"
