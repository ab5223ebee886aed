"""What a problem of a manifest says to a person: one sentence why, and the next step."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from apps.datasets.ingest.manifest import Problem

SENTENCES = {
    "no_rows": gettext_lazy("There is no row in it. Write a heading, and a line for each file."),
    "not_utf8": gettext_lazy(
        "From here on it is no text in UTF-8. Save it as UTF-8 (a table as “CSV UTF-8”)."
    ),
    "bad_table": gettext_lazy(
        "From here on the table cannot be read: a quotation mark is open or misplaced. Mend it."
    ),
    "bad_json": gettext_lazy("This line is no JSON object. Write one object in each line."),
    "no_filename_column": gettext_lazy(
        "No column names the files. Call the one that does: %(columns)s."
    ),
    "double_column": gettext_lazy("Two columns have the same name: %(found)s. Take one out."),
    "too_many_cells": gettext_lazy(
        "The line has %(found)s cells and the heading %(limit)s. Put a cell that holds a delimiter "
        "into quotation marks."
    ),
    "too_long_row": gettext_lazy(
        "The row has more than %(limit)s characters. Close its quotation marks, or leave its long "
        "columns out."
    ),
    "too_many_rows": gettext_lazy(
        "There would be more than %(limit)s rows. Bring the files in two contributions."
    ),
    "too_many_problems": gettext_lazy(
        "Here are %(limit)s problems already, so nothing further was looked at. Mend these first."
    ),
    "no_filename": gettext_lazy("The line names no file. Write its name, with its folders."),
    "not_text": gettext_lazy("A value of this line is no text. Write words or a number."),
    "too_long": gettext_lazy(
        "The column %(column)s has %(found)s characters here; the limit is %(limit)s. Shorten it."
    ),
    "unknown_licence": gettext_lazy(
        "The licence “%(found)s” is not known here. Write one of: %(known)s."
    ),
    "unknown_split": gettext_lazy(
        "The split “%(found)s” is not known here. Write one of: %(known)s."
    ),
    "contradiction": gettext_lazy(
        "Line %(first)s says something else about “%(found)s”. Keep one of the two."
    ),
    "repeated": gettext_lazy("Line %(first)s says the same about “%(found)s”. It counts once."),
    "manifest_too_large": gettext_lazy(
        "It has more than %(limit)s. Bring the files in several contributions."
    ),
    "in_force": gettext_lazy(
        "The manifest in force says something else about “%(found)s”. Change the line, or remove "
        "that manifest first."
    ),
}


def sentence(problem: Problem) -> str:
    """What is wrong in a line, and the next step, in the reader's language."""
    return str(SENTENCES[problem.code]) % dict(problem.facts)


def told(problems: Sequence[Problem]) -> dict[str, Any]:
    """The facts of a receipt whose file is a manifest that was not used."""
    first = problems[0]
    return {
        "line": first.line,
        "problem": first.code,
        "about": dict(first.facts),
        "problems": len(problems),
    }


def sentence_in(facts: Mapping[str, Any]) -> str:
    """The sentence of the problem in such facts; empty where there is none."""
    if "problem" not in facts:
        return ""
    return sentence(Problem(facts["line"], facts["problem"], facts["about"]))
