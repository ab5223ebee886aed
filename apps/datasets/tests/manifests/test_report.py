"""What is wrong in a manifest is told line by line, and nothing is changed."""

import csv
import io
import json
import time
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.actions.manifesting import read_bounded
from apps.datasets.bulk import make_dataset
from apps.datasets.ingest.folders import MAX_CLASS, SPLIT_FOLDERS
from apps.datasets.ingest.manifest import (
    COLUMNS,
    ENOUGH,
    LONGEST_ROW,
    Row,
    names_of,
    read_manifest,
)
from apps.datasets.manifest_problems import sentence
from apps.datasets.models import (
    Licence,
    ManifestRow,
    Sample,
    Split,
)
from apps.datasets.reads import SOURCES, sources_of
from apps.datasets.tables import csv_lines
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.manifests.steps import HEAD, TABLE, codes, look, said_of, send, use
from apps.errors import RuleError

# ---- the report


def test_a_dry_run_tells_everything_and_changes_nothing(batch: Any, cast: Any) -> None:
    send(batch, {"pets/cat/1.png": make_image(1), "pets/other.png": make_image(2)})
    before = said_of(batch)
    report = look(
        batch,
        "Image;Class;Licence;Split;Camera\n"
        "cat/1.png;cat;cc by 4.0;Val;K1\n"
        "cat/2.png;CAT;;dev;K1\n"
        "lynx/1.png;lynx;MIT;;K1\n",
    )

    assert report.usable
    assert report.columns == {
        "filename": "Image",
        "label": "Class",
        "licence": "Licence",
        "split": "Split",
    }
    assert report.unused == ["Camera"]
    assert [tuple(part)[:3] for part in report.classes] == [("lynx", 1, False), ("cat", 2, True)]
    assert (report.class_count, report.new_class_count) == (2, 1)
    assert [tuple(part)[:2] for part in report.splits] == [("validation", 2), ("", 1)]
    assert {part.name: part.rows for part in report.licences} == {"CC-BY-4.0": 1, "": 1, "MIT": 1}
    assert (report.arrived, report.missing, report.unnamed) == (1, 2, 1)
    assert report.missing_names == ["cat/2.png", "lynx/1.png"]
    assert report.unnamed_names == ["pets/other.png"]
    assert report.before == {"changed": 1}
    assert not ManifestRow.objects.exists()
    assert said_of(batch) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "no_rows")]),
        (" \n \n", [(1, "no_rows")]),
        (HEAD, [(1, "no_rows")]),
        (HEAD + ",,,,,\n\n", [(1, "no_rows")]),
        ("name,label\n1.png,cat\n", [(1, "no_filename_column")]),
        ("just some words", [(1, "no_filename_column")]),
        ('{"label": "cat"}\n', [(1, "no_filename_column")]),
        ('[{"file": "1.png"}]', [(1, "no_filename_column")]),
        ("file,label,Label\n1.png,cat,dog\n", [(1, "double_column")]),
        ('file,label\n1.png,"cat\n2.png,dog\n', [(2, "bad_table")]),
        ('file,label\n1.png,cat\n2.png,"c"at"\n', [(3, "bad_table")]),
        ("file,label\n1.png,cat,dog\n2.png,cat,,\n", [(2, "too_many_cells")]),
        ("file,label\n,cat\n/,dog\n\u202e,dog\n", [(2, "no_filename"), (3, "no_filename"), (4, "no_filename")]),
        ('{"file": "1.png"}\n{"file": \n[]\n7\n', [(2, "bad_json"), (3, "bad_json"), (4, "bad_json")]),
        ('{"file": "1.png"}\n' + "[" * 100_000, [(2, "bad_json")]),
        ('{"file": "1.png", "label": ["cat"]}\n{"file": {}}', [(1, "not_text"), (2, "not_text")]),
        ('{"file": "\\ud800.png"}\n{"file": "1.png", "label": "\\udfff"}', [(1, "not_text"), (2, "not_text")]),
        ("file,licence\n1.png,WTFPL\n", [(2, "unknown_licence")]),
        ("file,split\n1.png,exam\n", [(2, "unknown_split")]),
        ("file,label\n1.png,cat\n1.png,dog\n./1.png,cat\n", [(3, "contradiction")]),
        ("file,label\n1.png,cat\x00\n", [(2, "not_utf8")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_line_and_nothing_is_used(
    batch: Any, text: str, expected: list[tuple[int, str]]
) -> None:
    use(batch, TABLE)
    report = use(batch, text)
    assert codes(report) == expected
    assert report.problem_count == len(expected)
    assert ManifestRow.objects.count() == 2, "the one in force stays"
    for problem in report.problems:
        assert sentence(problem)
        assert "%(" not in sentence(problem)


def test_bytes_that_are_no_text(batch: Any) -> None:
    table = "file,label\n1.png,Größe\n".encode("latin-1")
    assert codes(actions.check_manifest(batch, batch.member, table)) == [(2, "not_utf8")]
    table = "file,label\n1.png,cat\n".encode("utf-16")
    assert codes(actions.check_manifest(batch, batch.member, table)) == [(1, "not_utf8")]
    bom = "\ufefffile,label\n1.png,cat\n".encode()
    assert actions.check_manifest(batch, batch.member, bom).usable


@pytest.mark.parametrize(
    ("column", "limit"), [("label", MAX_CLASS), ("group", 80), ("source", 120)]
)
def test_fields_up_to_their_limits(batch: Any, column: str, limit: int) -> None:
    assert use(batch, f"file,{column}\n1.png,{'名' * limit}\n").usable
    assert len(getattr(ManifestRow.objects.get(), column)) == limit
    assert codes(use(batch, f"file,{column}\n1.png,{'名' * (limit + 1)}\n")) == [(2, "too_long")]


def test_names_keep_their_last_thousand_characters_as_those_of_files_do(batch: Any) -> None:
    for length in (999, 1000, 1001, 3000):
        name = "x" * (length - 4) + ".png"
        use(batch, f"file,group\n{name},here\n")
        send(batch, {name: make_image(length)})
        sample = batch.samples.order_by("-pk")[0]
        assert sample.group == "here", length


def test_rows_up_to_the_limit(batch: Any, settings: Any) -> None:
    settings.MAX_MANIFEST_ROWS = 2
    assert use(batch, TABLE).usable
    assert codes(use(batch, TABLE + "3.png,,,,,\n")) == [(4, "too_many_rows")]
    add = actions.add_to_manifest
    assert codes(add(batch, batch.member, b"file\n3.png\n")) == [(2, "too_many_rows")]
    settings.MAX_MANIFEST_ROWS = 3
    assert add(batch, batch.member, b"file\n3.png\n").usable
    assert batch.manifest_rows.count() == 3


def test_bytes_up_to_the_limit(batch: Any, settings: Any) -> None:
    settings.MAX_MANIFEST_BYTES = len(TABLE)
    assert use(batch, TABLE).usable
    for verb in (use, look):
        with pytest.raises(RuleError) as refusal:
            verb(batch, TABLE + "\n")
        assert (refusal.value.code, refusal.value.status) == ("manifest_too_large", 413)
    assert read_bounded([TABLE.encode()]) == TABLE.encode()


def test_an_endless_line_is_not_read_to_its_end(settings: Any) -> None:
    """100 MB come, a piece at a time: no more is taken than the limit, and nothing is parsed."""
    taken: list[int] = []

    def pieces() -> Any:
        for _number in range(1600):
            taken.append(2**16)
            yield bytes(2**16)

    with pytest.raises(RuleError, match="manifest_too_large"):
        read_bounded(pieces())
    assert sum(taken) == settings.MAX_MANIFEST_BYTES + 2**16


def test_a_hundred_thousand_rows_are_read_in_seconds() -> None:
    rows = "".join(
        f"cat/{n}.jpg,class {n % 81},patient {n // 4},North beach,CC-BY-4.0,train\n"
        for n in range(100_000)
    )
    began = time.process_time()
    read = read_manifest((HEAD + rows).encode(), most=100_000)
    assert (len(read.rows), read.problems) == (100_000, [])
    assert time.process_time() - began < 20  # one on the machine where it was written


def test_only_the_first_hundred_problems_are_told_and_all_counted(batch: Any) -> None:
    report = look(batch, "file,split\n" + "1.png,exam\n" * 250)
    assert (len(report.problems), report.problem_count) == (100, 250)


@pytest.mark.parametrize("form", ["file,note\n1.png,{}\n", '{{"file": "1.png", "note": "{}"}}\n'])
def test_a_row_up_to_its_limit(form: str) -> None:
    start, _brace, end = form.replace("{{", "{").replace("}}", "}").rpartition("{}")
    row = start.rpartition("\n")[2] + end
    fits = "x" * (LONGEST_ROW - len(row))
    assert read_manifest(f"{start}{fits}{end}".encode(), most=1).problems == []
    over = read_manifest(f"{start}{fits}x{end}".encode(), most=1)
    assert [each.code for each in over.problems] == ["too_long_row"]


def test_a_row_of_many_lines_is_measured_as_a_whole() -> None:
    open_quote = 'file,note\n1.png,"' + "x\n" * LONGEST_ROW
    (problem,) = read_manifest(open_quote.encode(), most=1).problems
    assert (problem.line, problem.code) == (2, "too_long_row")


@pytest.mark.parametrize("start", ["file,split\n", '{"file": "1.png"}\n'])
def test_after_a_thousand_problems_it_stops(start: str) -> None:
    line = "1.png,exam\n"
    read = read_manifest((start + line * 999).encode(), most=10_000)
    assert len(read.problems) == 999
    read = read_manifest((start + line * 1000).encode(), most=10_000)
    assert read.problems[-1].code == "too_many_problems"
    read = read_manifest((start + line * 100_000).encode(), most=10_000)
    assert len(read.problems) == ENOUGH + 1
    assert read.problems[-1].code == "too_many_problems"


def test_a_new_key_in_every_line_costs_no_more_than_an_old_one() -> None:
    def seconds(key: str) -> float:
        lines = "\n".join(f'{{"file": "{n}.png", "{key.format(n)}": 1}}' for n in range(20_000))
        began = time.process_time()
        assert len(read_manifest(lines.encode(), most=20_000).rows) == 20_000
        return time.process_time() - began

    assert seconds("k{}") < 20 * seconds("k") + 1  # it would be thousands of times as much


def test_the_same_line_twice_is_a_note(batch: Any) -> None:
    report = use(batch, "file,label\n1.png,cat\n1.png, cat \n")
    assert report.usable
    assert [(note.line, note.code) for note in report.notes] == [(3, "repeated")]
    assert ManifestRow.objects.get().line == 2


# ---- whatever the bytes


def read_or_told(data: bytes) -> None:
    read = read_manifest(data, most=5)
    assert read.rows or read.problems
    for each in [*read.problems, *read.notes]:
        assert 1 <= each.line <= data.count(b"\n") + data.count(b"\r") + 1
        assert "%(" not in sentence(each)
    for row in read.rows:
        "".join(row.words).encode()
        assert "\x00" not in "".join(row.words)


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_rows_or_problems(data: bytes) -> None:
    read_or_told(data)


PIECES = st.sampled_from(
    ["file", "label", "group", "split", "licence", ",", ";", "\t", '"', "\n", "\r\n", "{", "}", ":",
     "[", "]", "\\ud800", "\\u0000", "=1+1", "'", "1.png", "cat", "MIT", "test", "\u202e", "null", "1e999"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
@pytest.mark.parametrize(
    "start", ["", HEAD, '{"file": "1.png", "label": "', '{"file": "1.png"}\n{"file": '],
    ids=["nothing", "heading", "string", "value"],
)  # fmt: skip
def test_nearly_right_ones_do_too(start: str, rest: str) -> None:
    read_or_told(f"{start}{rest}".encode())


WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20).filter(
    lambda text: not text.startswith("'")
)


@st.composite
def manifests(draw: Any) -> list[Row]:
    names = draw(st.lists(WORDS.filter(lambda name: name.strip("/\\ .")), min_size=1, max_size=8))
    read = read_manifest(
        "\n".join(
            json.dumps(
                {
                    "filename": name,
                    "label": draw(WORDS),
                    "group": draw(WORDS),
                    "source": draw(WORDS),
                    "licence": draw(st.sampled_from(["", *Licence.values])),
                    "split": draw(st.sampled_from(["", *SPLIT_FOLDERS])),
                }
            )
            for name in names
        ).encode(),
        most=10,
    )
    return read.rows


def without_lines(rows: list[Row]) -> list[tuple[str, ...]]:
    return [row.words for row in rows]


@given(manifests(), st.sampled_from(",;\t"))
def test_rows_survive_a_table_and_json_lines(rows: list[Row], delimiter: str) -> None:
    columns = list(COLUMNS)
    objects = [dict(zip(columns, row.words, strict=True)) for row in rows]
    as_json = "\n".join(map(json.dumps, objects))
    assert without_lines(read_manifest(as_json.encode(), most=10).rows) == without_lines(rows)
    as_table = "".join(csv_lines(columns, [row.words for row in rows]))
    assert without_lines(read_manifest(as_table.encode(), most=10).rows) == without_lines(rows)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([columns, *(row.words for row in rows)])
    again = read_manifest(out.getvalue().encode("utf-8-sig"), most=10)
    assert without_lines(again.rows) == without_lines(rows)
    assert {row.split for row in rows} <= {"", *Split.values}


@given(WORDS.filter(lambda name: name.strip("/\\ .")))
def test_a_file_is_found_under_its_own_name(name: str) -> None:
    read = read_manifest(json.dumps({"file": name}).encode(), most=1)
    for row in read.rows:
        assert row.name in names_of(row.name)
        assert row.name in names_of(f"folder/{row.name}")


def test_samples_can_be_found_by_the_source_of_their_row(
    batch: Any, cast: Any, browser_of: Any
) -> None:
    use(batch, TABLE)
    send(batch, {f"a/{n}.png": make_image(n) for n in (1, 2)})
    page = browser_of(cast.ben).get("/datasets/pets/samples/", {"source": "the barn"})
    assert page.context["sources"] == ["a garden", "the barn"]
    (sample,) = page.context["samples"]
    shown = browser_of(cast.ben).get(f"/samples/{sample.pk}/").content.decode()
    assert "the barn" in shown
    assert "CC0-1.0" in shown


def test_sources_are_found_by_steps_in_the_index(db: None) -> None:
    dataset, _owner, _reviewer = make_dataset("many", 3000)
    assert sources_of(dataset) == [f"source {n}" for n in range(7)]
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + SOURCES, [dataset.pk, dataset.pk])
        plan = repr(cursor.fetchall())
    assert "samples_by_source" in plan
    for scan in ("Seq Scan on datasets_sample", "SCAN datasets_sample", "SCAN each"):
        assert scan not in plan
    Sample.objects.update(source="")
    assert sources_of(dataset) == []
