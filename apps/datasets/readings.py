"""Pictures in words: one sentence for what a reader should see in each."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.datasets.crosstab import ENOUGH, Imbalance, Tell
from apps.datasets.insights import Heat, Splits

NAMED = 3  # so many are named in a sentence
TOLD = 5  # so many tells are told
EVEN = 1.5  # a smaller ratio is no imbalance
FEW = 20  # test samples of a class, under which its score says little


def of_imbalance(found: Imbalance | None) -> Iterator[str]:
    if found is None:
        yield _("No class has a sample yet.")
        return
    if found.most > found.least:
        text = _("“%(largest)s” has %(times)s times as many samples as “%(smallest)s”.")
        if found.ratio < EVEN:
            text = _("The classes are about even: “%(largest)s” has %(times)s times as many samples as “%(smallest)s”.")  # fmt: skip
        names = {"largest": found.largest, "smallest": found.smallest}
        yield text % (names | {"times": times(found.ratio)})
    elif not found.empty:
        yield _("Every class has the same number of samples.")
    if found.empty:
        some, more = named(found.empty)
        text = _("Without any: %(names)s and %(n)s more.") if more else _("Without any: %(names)s.")
        yield text % {"names": some, "n": more}


def times(ratio: float) -> str:
    """12 for 12.3, 2.5 for 2.48: no more digits than the eye wants."""
    return str(round(ratio)) if ratio >= 10 else f"{ratio:.2g}"


def named(names: list[Any]) -> tuple[str, int]:
    """The first few, quoted, and how many are left."""
    shown = ", ".join(f"“{name}”" for name in names[:NAMED])
    return shown, max(0, len(names) - NAMED)


def of_sources(found: Heat, names: Mapping[int, str]) -> Iterator[str]:
    if not found.columns:
        yield _("No contribution says where its samples come from. Name the source when you open one: only then can anybody see whether a model would learn the source.")  # fmt: skip
    elif found.columns == 1:
        yield _("One source is named, so there is nothing to compare it with.")
    elif not found.tells:
        text = _("No source gives a class away (fewer than %(n)s samples are not judged).")
        yield text % {"n": ENOUGH}
    for tell in found.tells[:TOLD]:
        yield _of_source(tell) % _facts(tell, names)
    yield from _left_out(found)


def _of_source(tell: Tell) -> str:
    if tell.only_row and tell.only_column:
        return _("“%(class)s” and the source “%(column)s” go together (%(n)s of the source's %(of_column)s samples, and of the class's %(of_row)s): a model can learn the source instead of the class.")  # fmt: skip
    if tell.only_row:
        return _("The source “%(column)s” brings “%(class)s” alone (%(n)s of its %(of_column)s samples): a model can learn the source instead of the class.")  # fmt: skip
    return _("“%(class)s” comes from the source “%(column)s” alone (%(n)s of its %(of_row)s samples): a model may not know it elsewhere.")  # fmt: skip


def of_contributors(found: Heat, names: Mapping[int, str]) -> Iterator[str]:
    if found.columns == 1:
        yield _("One member brought everything, so there is nobody to compare them with.")
    elif found.columns and not found.tells:
        text = _("Nobody gives a class away (fewer than %(n)s samples are not judged).")
        yield text % {"n": ENOUGH}
    for tell in found.tells[:TOLD]:
        yield _of_contributor(tell) % _facts(tell, names)
    yield from _left_out(found)


def _of_contributor(tell: Tell) -> str:
    if tell.only_row and tell.only_column:
        return _("“%(class)s” and %(column)s go together (%(n)s of their %(of_column)s samples, and of the class's %(of_row)s): a model can learn their camera instead of the class.")  # fmt: skip
    if tell.only_row:
        return _("%(column)s brings “%(class)s” alone (%(n)s of %(of_column)s samples): a model can learn their camera instead of the class.")  # fmt: skip
    return _("“%(class)s” comes from %(column)s alone (%(n)s of its %(of_row)s samples): a model may not know it elsewhere.")  # fmt: skip


def _facts(tell: Tell, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "class": names.get(tell.row, ""),
        "column": tell.column,
        "n": tell.samples,
        "of_column": tell.of_column,
        "of_row": tell.of_row,
    }


def _left_out(found: Heat) -> Iterator[str]:
    more = len(found.tells) - TOLD
    if more > 0:
        yield ngettext("%(n)s more like these.", "%(n)s more like these.", more) % {"n": more}


def of_splits(found: Splits) -> Iterator[str]:
    total = sum(found.totals)
    if not total:
        return
    shares = [round(100 * number / total) for number in found.totals]
    text = _("%(train)s %% are for training, %(validation)s %% for validation, %(test)s %% for the test.")  # fmt: skip
    yield text % dict(zip(("train", "validation", "test"), shares, strict=True))
    if found.fewest is None:
        return
    name, number = found.fewest
    text = _("“%(name)s” has the fewest test samples: %(n)s.")
    if number < FEW:
        text = _("“%(name)s” has the fewest test samples: %(n)s. Its own score says little.")
    yield text % {"name": name, "n": number}
