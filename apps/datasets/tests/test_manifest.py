"""A manifest says what each file of a contribution is: checked, used, replaced, removed."""

import csv
import io
import json
import threading
import time
import zipfile
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from apps.datasets import actions, staging
from apps.datasets.actions import taking
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.actions.manifesting import read_bounded
from apps.datasets.actions.unpacking import unpack
from apps.datasets.bulk import make_dataset
from apps.datasets.ingest.folders import MAX_CLASS, SPLIT_FOLDERS
from apps.datasets.ingest.manifest import (
    COLUMNS,
    ENOUGH,
    LONGEST_ROW,
    Row,
    is_manifest,
    names_of,
    read_manifest,
)
from apps.datasets.manifest_problems import sentence
from apps.datasets.models import (
    Annotation,
    Contribution,
    Licence,
    ManifestRow,
    Receipt,
    Sample,
    Split,
)
from apps.datasets.reads import SOURCES, sources_of
from apps.datasets.receipts import sentence as receipt_sentence
from apps.datasets.tables import csv_lines
from apps.datasets.tests.cast import make_image, outcomes
from apps.datasets.tests.test_tallies import check
from apps.datasets.tests.test_unpack_tar import packed
from apps.errors import RuleError

HEAD = "filename,label,group,source,licence,split\n"
TABLE = HEAD + "a/1.png,dog,rex,the barn,CC0-1.0,test\na/2.png,Cat,tom,,,\n"


@pytest.fixture
def batch(dataset: Any, cast: Any) -> Contribution:
    return actions.open_contribution(
        dataset, cast.ben, licence=Licence.CC_BY, agreed=True, source="a garden"
    )


def send(batch: Contribution, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        actions.receive_file(batch, batch.member, name=name, chunks=[data])
    drain_ingest()


def use(batch: Contribution, text: str) -> Any:
    return actions.set_manifest(batch, batch.member, text.encode())


def look(batch: Contribution, text: str) -> Any:
    return actions.check_manifest(batch, batch.member, text.encode())


def said_of(batch: Contribution) -> dict[str, tuple[str, ...]]:
    """{file: label or claim, group, source, licence, declared split} of what was taken."""
    rows = batch.receipts.exclude(sample=None).select_related("sample__label")
    return {
        each.name: (
            each.sample.label.name if each.sample.label else each.sample.claimed_class,
            each.sample.group,
            each.sample.source,
            each.sample.licence,
            each.sample.declared_split,
        )
        for each in rows
    }


def codes(report: Any) -> list[tuple[int, str]]:
    return [(each.line, each.code) for each in report.problems]


# ---- at ingest


def test_its_words_count_before_the_folders_and_those_before_the_contribution(
    batch: Any, dataset: Any
) -> None:
    report = use(batch, TABLE + "a/3.png,,,,,\n")
    assert (report.usable, report.rows) == (True, 3)
    send(batch, {f"a/{n}.png": make_image(n) for n in range(1, 5)} | {"5.png": make_image(5)})

    own = {each.pk: each.content_sha256[:32] for each in batch.samples.all()}
    found = said_of(batch)
    assert found["a/1.png"] == ("dog", "rex", "the barn", "CC0-1.0", "test")
    assert found["a/2.png"] == ("cat", "tom", "a garden", "CC-BY-4.0", "")
    for name in ("a/3.png", "a/4.png"):  # a row that says nothing, and no row
        label, group, *rest = found[name]
        assert (label, rest) == ("a", ["a garden", "CC-BY-4.0", ""])
        assert group in own.values()
    assert found["5.png"][0] == ""
    labels = Annotation.objects.filter(role="uploader").values_list("label__name", flat=True)
    assert sorted(labels) == ["cat", "dog"]
    check()


def test_an_alias_of_a_class_names_it(batch: Any, dataset: Any) -> None:
    dog = dataset.classes.get(name="dog")
    dog.aliases = ["hound"]
    dog.save()
    report = use(batch, "file\tclass\n1.png\tHound\n")
    assert [(part.name, part.known) for part in report.classes] == [("dog", True)]
    send(batch, {"1.png": make_image(1)})
    assert batch.samples.get().label == dog


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("pets/cat/1.png", "cat/1.png"),  # the chosen folder's own name
        ("pets/cat/1.png", "pets/cat/1.png"),
        ("./cat/1.png", "cat/1.png"),  # as tar writes it
        ("cat/1.png", "./cat/1.png"),
        ("cat/1.png", "cat\\1.png"),
        ("1.png", "1.png"),
        ("cat/e\u0301.png", "cat/\u00e9.png"),
        ("cat/\u202egnp.1.png", "cat/gnp.1.png"),
        ("图" * 300 + ".png", "图" * 300 + ".png"),
        ("cat/=1.png", "cat/=1.png"),
    ],
)
def test_a_row_finds_its_file(batch: Any, name: str, row: str) -> None:
    use(batch, "\n".join([json.dumps({"file_name": row, "group": "mine"})]))
    send(batch, {name: make_image(1)})
    assert batch.samples.get().group == "mine"


def test_the_whole_name_counts_before_the_one_without_its_folder(batch: Any) -> None:
    use(batch, "filename,label\ncat/1.png,dog\n1.png,cat\n")
    send(batch, {"cat/1.png": make_image(1), "dog/1.png": make_image(2)})
    assert {name: words[0] for name, words in said_of(batch).items()} == {
        "cat/1.png": "dog",
        "dog/1.png": "cat",
    }


def test_another_contribution_is_not_touched(batch: Any, contribute: Any) -> None:
    use(batch, TABLE)
    other = contribute({"a/1.png": make_image(1)})
    assert said_of(other)["a/1.png"][0] == "a"


def test_a_claim_of_many_files_asks_once(
    batch: Any, django_assert_max_num_queries: Any, settings: Any
) -> None:
    def queries(start: int, files: int) -> int:
        for n in range(start, start + files):
            data = make_image(n)
            actions.receive_file(batch, batch.member, name=f"cat/{n}.png", chunks=[data])
        with django_assert_max_num_queries(10**6) as few:
            drain_ingest()
        return sum("manifestrow" in each["sql"] for each in few.captured_queries)

    assert queries(0, 20) == 1
    use(batch, HEAD + "".join(f"cat/{n}.png,dog,,,,\n" for n in range(100, 120)))
    assert queries(100, 20) == 1
    assert batch.samples.filter(label__name="dog").count() == 20


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


# ---- files that were read before


def test_what_was_read_before_gets_its_words_afterwards(batch: Any, dataset: Any) -> None:
    send(batch, {"cat/1.png": make_image(1), "cat/2.png": make_image(2), "3.png": make_image(3)})
    lines = HEAD + "1.png,dog,rex,the barn,MIT,val\n2.png,lynx,rex,,,\n3.png,,,,,\n"
    assert look(batch, lines).before == {"changed": 2, "same": 1}

    report = use(batch, lines)

    assert report.before == {"changed": 2, "same": 1}
    found = said_of(batch)
    assert found["cat/1.png"] == ("dog", "rex", "the barn", "MIT", "validation")
    assert found["cat/2.png"] == ("lynx", "rex", "a garden", "CC-BY-4.0", "")
    first, second, _third = batch.samples.order_by("pk")
    history = Annotation.objects.order_by("pk").values_list("sample", "label__name", "role")
    assert list(history) == [
        (first.pk, "cat", "uploader"),
        (second.pk, "cat", "uploader"),
        (first.pk, "dog", "uploader"),
        (second.pk, None, "uploader"),  # its class does not exist: no longer a vote for cat
    ]
    assert use(batch, lines).before == {"same": 3}, "sending it again changes nothing"
    assert Annotation.objects.count() == 4
    actions.add_class(dataset, dataset.created_by, "Lynx")
    second.refresh_from_db()
    assert second.label.name == "Lynx"
    check()


def test_what_somebody_has_looked_at_keeps_its_words(
    batch: Any, dataset: Any, cast: Any, approve: Any
) -> None:
    send(batch, {f"cat/{n}.png": make_image(n) for n in range(4)} | {"4.png": make_image(4)})
    cats = list(batch.samples.order_by("pk"))
    approve(cats[:1])
    actions.lease_samples(batch.samples.filter(pk=cats[1].pk), cast.chen, size=1)
    said = {cats[4].pk: dataset.classes.get(name="cat").pk}
    actions.label_samples(dataset, cast.ada, said)

    lines = "file,label\n" + "".join(f"{n}.png,dog\n" for n in range(5))
    assert look(batch, lines).before == {"decided": 2, "in_hand": 1, "changed": 2}
    assert use(batch, lines).before == {"decided": 2, "in_hand": 1, "changed": 2}

    labels = batch.samples.order_by("pk").values_list("label__name", flat=True)
    assert list(labels) == ["cat", "cat", "dog", "dog", "cat"]
    check()


def test_a_duplicate_of_somebody_elses_is_not_changed(
    batch: Any, contribute: Any, cast: Any
) -> None:
    theirs = contribute({"cat/1.png": make_image(1)}, by=cast.ada).samples.get()
    send(batch, {"dog/1.png": make_image(1)})
    assert use(batch, "file,label,group\n1.png,dog,rex\n").before == {}
    theirs.refresh_from_db()
    assert theirs.label.name == "cat"
    assert theirs.group != "rex"


def test_in_portions(batch: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("apps.datasets.actions.redescribing.PORTION", 2)
    send(batch, {f"cat/{n}.png": make_image(n) for n in range(5)})
    lines = "file,label,group\n" + "".join(f"{n}.png,dog,{n // 2}\n" for n in range(5))
    assert look(batch, lines).before == {"changed": 5}
    assert use(batch, lines).before == {"changed": 5}
    assert batch.samples.filter(label__name="dog").count() == 5
    groups = batch.samples.order_by("pk").values_list("group", flat=True)
    assert list(groups) == ["0", "0", "1", "1", "2"]
    check()


def test_only_the_difference_is_written(batch: Any) -> None:
    use(batch, TABLE + "a/3.png,cat,,,,\n")
    before = dict(batch.manifest_rows.values_list("name", "pk"))
    use(batch, TABLE + "a/4.png,cat,,,,\n")
    after = dict(batch.manifest_rows.values_list("name", "pk"))
    assert after.keys() == {"a/1.png", "a/2.png", "a/4.png"}
    assert [after[name] == before[name] for name in ("a/1.png", "a/2.png")] == [True, True]


def test_replacing_and_removing(batch: Any) -> None:
    use(batch, TABLE)
    use(batch, "file,label\na/1.png,cat\n")
    assert list(batch.manifest_rows.values_list("name", "label", "group")) == [
        ("a/1.png", "cat", "")
    ]
    send(batch, {"a/1.png": make_image(1)})
    assert actions.drop_manifest(batch, batch.member) == 1
    send(batch, {"dog/1.png": make_image(2)})
    assert {name: words[0] for name, words in said_of(batch).items()} == {
        "a/1.png": "cat",
        "dog/1.png": "dog",
    }


def test_discarding_the_batch_forgets_it(batch: Any) -> None:
    use(batch, TABLE)
    actions.discard_contribution(batch, batch.member)
    assert not ManifestRow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_being_read_meanwhile_gets_its_words_too(
    batch: Any, monkeypatch: Any
) -> None:
    """Ingest has looked for rows and found none, and has not written the sample yet."""
    looked, used = threading.Event(), threading.Event()
    write = taking.count_new

    def pause(*args: Any) -> None:
        looked.set()
        used.wait(2)  # it has to wait for this transaction, so it is not used before that ends
        write(*args)

    def ingest() -> None:
        try:
            drain_ingest()
        finally:
            connection.close()

    monkeypatch.setattr(taking, "count_new", pause)
    actions.receive_file(batch, batch.member, name="cat/1.png", chunks=[make_image(1)])
    worker = threading.Thread(target=ingest)
    worker.start()
    assert looked.wait(20)
    use(batch, "file,label,group\n1.png,dog,rex\n")
    used.set()
    worker.join(20)
    assert said_of(batch)["cat/1.png"][:2] == ("dog", "rex")
    check()


# ---- who and when


def test_only_ones_own_and_only_while_it_is_open(batch: Any, cast: Any, contribute: Any) -> None:
    done = contribute({"cat/1.png": make_image(1)})
    verbs = (actions.check_manifest, actions.set_manifest, actions.add_to_manifest)
    for verb in verbs:
        with pytest.raises(RuleError, match="not_yours"):
            verb(batch, cast.chen, TABLE.encode())
        with pytest.raises(RuleError, match="not_receiving"):
            verb(done, cast.ben, TABLE.encode())
    with pytest.raises(RuleError, match="not_yours"):
        actions.drop_manifest(batch, cast.chen)
    with pytest.raises(RuleError, match="not_receiving"):
        actions.drop_manifest(done, cast.ben)
    assert not ManifestRow.objects.exists()


def test_a_dataset_of_texts_takes_none(batch: Any, dataset: Any) -> None:
    dataset.task = "text_classification"
    dataset.save()
    with pytest.raises(RuleError, match="manifest_of_texts"):
        use(batch, TABLE)


# ---- in a folder, in an archive


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("manifest.csv", True),
        ("pets/metadata.jsonl", True),
        ("./pets/Manifest.CSV", True),
        ("pets\\metadata.csv", True),
        ("pets/cat/metadata.csv", False),
        ("metadata.csv.png", False),
        ("my_manifest.csv", False),
        ("manifest.txt", False),
    ],
)
def test_which_file_is_a_manifest(name: str, expected: bool) -> None:
    assert is_manifest(name) is expected


def test_two_folders_with_a_manifest_each(batch: Any) -> None:
    add = actions.add_to_manifest
    assert add(batch, batch.member, b"file,label\n1.png,cat\n", folder="one").usable
    assert add(batch, batch.member, b"file,label\n1.png,dog\ntwo/2.png,dog\n", folder="two").usable
    assert add(batch, batch.member, b"file,label\n1.png,cat\n", folder="one").usable  # once more
    both = b"file,label\n4.png,cat\none/4.png,dog\n"  # one name inside the folder and outside of it
    assert codes(add(batch, batch.member, both, folder="one")) == [(3, "contradiction")]
    report = add(batch, batch.member, b"file,label\n1.png,dog\n3.png,dog\n", folder="one")
    assert codes(report) == [(2, "in_force")]
    assert sorted(batch.manifest_rows.values_list("name", flat=True)) == [
        "one/1.png",
        "two/1.png",
        "two/2.png",
    ]
    send(batch, {"one/1.png": make_image(1), "two/1.png": make_image(2)})
    assert {name: words[0] for name, words in said_of(batch).items()} == {
        "one/1.png": "cat",
        "two/1.png": "dog",
    }


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [zipped, packed], ids=["zip", "tar"])
@pytest.mark.parametrize("root", ["", "pets/", "./", "./pets/"])
def test_an_archives_manifest_is_read_before_its_files(batch: Any, pack: Any, root: str) -> None:
    lines = b"file_name,label,split\ncat/1.png,dog,test\n2.png,cat,\n"
    entries = [(f"{root}cat/1.png", make_image(1)), (f"{root}2.png", make_image(2))]
    send(batch, {"pets.zip": pack(*entries, (f"{root}metadata.csv", lines))})

    found = said_of(batch)
    assert sorted(words[0] for words in found.values()) == ["cat", "dog"]
    assert found[f"{root}cat/1.png"][0::4] == ("dog", "test")
    receipt = batch.receipts.get(code="manifest_used")
    assert (receipt.outcome, receipt.name) == ("unpacked", f"{root}metadata.csv")
    assert "rows: 2" in receipt_sentence(receipt)
    assert outcomes(batch)["pets.zip"] == "unpacked"


@pytest.mark.parametrize("pack", [zipped, packed], ids=["zip", "tar"])
def test_a_wrong_manifest_does_not_fail_the_archive(batch: Any, pack: Any) -> None:
    lines = b"file_name,label,licence\n1.png,dog,\n2.png,dog,WTFPL\n"
    send(batch, {"a.zip": pack(("cat/1.png", make_image(1)), ("manifest.csv", lines))})
    assert outcomes(batch) == {
        "a.zip": "unpacked",
        "cat/1.png": "accepted",
        "manifest.csv": "manifest_not_used",
    }
    assert said_of(batch)["cat/1.png"][0] == "cat"
    text = receipt_sentence(batch.receipts.get(name="manifest.csv"))
    assert "Line 3" in text
    assert "WTFPL" in text
    assert not ManifestRow.objects.exists()


@pytest.mark.parametrize("pack", [zipped, packed], ids=["zip", "tar"])
def test_one_manifest_of_an_archive_is_used(batch: Any, pack: Any) -> None:
    first = ("manifest.csv", b"file,label\n1.png,dog\n")
    second = ("a/metadata.csv", b"file,label\n1.png,cat\n")
    deeper = ("a/b/metadata.csv", b"file,label\n1.png,cat\n")
    send(batch, {"a.zip": pack(("1.png", make_image(1)), first, second, deeper)})
    assert outcomes(batch) == {
        "a.zip": "unpacked",
        "1.png": "accepted",
        "manifest.csv": "manifest_used",
        "a/metadata.csv": "second_manifest",
        "a/b/metadata.csv": "not_an_image",
    }
    assert said_of(batch)["1.png"][0] == "dog"


def test_an_archives_manifest_does_not_contradict_the_one_in_force(
    batch: Any, settings: Any
) -> None:
    use(batch, "file,label\n1.png,cat\n")
    data = zipped(("1.png", make_image(1)), ("manifest.csv", b"file,label\n1.png,dog\n"))
    send(batch, {"a.zip": data})
    assert outcomes(batch)["manifest.csv"] == "manifest_not_used"
    assert said_of(batch)["1.png"][0] == "cat"
    settings.MAX_MANIFEST_BYTES = 20
    exact = b"file,label\n9.png,dog"
    send(batch, {"b.zip": zipped(("b/2.png", make_image(2)), ("b/manifest.csv", exact))})
    over = exact + b"\n"
    send(batch, {"c.zip": zipped(("c/3.png", make_image(3)), ("c/manifest.csv", over))})
    assert outcomes(batch)["b/manifest.csv"] == "manifest_used"
    assert outcomes(batch)["c/manifest.csv"] == "manifest_not_used"


def test_a_killed_worker_unpacks_it_once(batch: Any) -> None:
    data = zipped(("1.png", make_image(1)), ("manifest.csv", b"file,label\n1.png,dog\n"))
    send(batch, {"a.zip": data})
    receipt = batch.receipts.get(name="a.zip")
    Receipt.objects.filter(pk=receipt.pk).update(outcome="waiting", claimed_until=None, tries=1)
    receipt.refresh_from_db()
    staging.path_of(receipt).write_bytes(data)
    unpack(receipt)
    assert batch.manifest_rows.count() == 1
    assert batch.receipts.count() == 3


# ---- over the API


@pytest.fixture
def api(cast: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(cast.ben)
    return client


def test_the_api(api: APIClient, batch: Any, cast: Any) -> None:
    path = f"/api/contributions/{batch.uuid}/manifest/"

    def put(text: str, query: str = "") -> Any:
        return api.put(path + query, text.encode(), content_type="text/csv")

    assert (api.get(path).status_code, api.get(path).json()["code"]) == (404, "no_manifest")
    wrong = put(HEAD + "1.png,cat,,,WTFPL,\n", "?dry_run=yes")
    assert (wrong.status_code, wrong.json()["usable"]) == (200, False)
    assert wrong.json()["problems"][0]["line"] == 2
    assert "WTFPL" in wrong.json()["problems"][0]["detail"]
    refused = put(HEAD + "1.png,cat,,,WTFPL,\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "manifest_problems")
    assert refused.json()["problems"][0]["code"] == "unknown_licence"
    assert put(TABLE, "?dry_run=perhaps").json()["code"] == "invalid_filter"
    assert put(TABLE, "?dry_run=yes").json()["rows"] == 2
    assert not ManifestRow.objects.exists()

    used = put(TABLE)
    assert (used.status_code, used.json()["rows"]) == (200, 2)
    assert {part["name"]: part["rows"] for part in used.json()["classes"]} == {"dog": 1, "cat": 1}
    more = api.post(f"{path}?folder=b", b"file\n3.png\n", content_type="text/csv")
    assert more.status_code == 200
    against = api.post(f"{path}?folder=b", b"file,label\n3.png,cat\n", content_type="text/csv")
    assert (against.status_code, against.json()["code"]) == (400, "manifest_problems")
    assert api.get(path).json()["rows"] == 3
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


# ---- on the page


def page_of(batch: Any) -> str:
    return f"/contributions/{batch.uuid}/manifest/"


def upload(client: Any, batch: Any, text: str, do: str, **options: Any) -> Any:
    file = io.BytesIO(text.encode())
    file.name = "manifest.csv"
    return client.post(page_of(batch), {"manifest": file, "do": do}, **options)


def test_the_plain_form_checks_and_uses(batch: Any, cast: Any, browser_of: Any) -> None:
    ben = browser_of(cast.ben)
    page = ben.get(f"/contributions/{batch.uuid}/").content.decode()
    assert "filename,label,group,source,licence,split" in page
    assert "100,000 rows" in page

    page = upload(ben, batch, HEAD + "1.png,lynx,,,WTFPL,\n", "check").content.decode()
    assert "1 line is wrong" in page
    assert "The licence “WTFPL” is not known here." in page
    page = upload(ben, batch, TABLE, "check").content.decode()
    assert "Nothing is changed yet" in page
    assert not ManifestRow.objects.exists()
    page = upload(ben, batch, TABLE, "use").content.decode()
    assert "2 rows are used." in page
    assert (
        "A manifest of 2 rows is in force."
        in ben.get(f"/contributions/{batch.uuid}/").content.decode()
    )
    page = ben.get(page_of(batch)).content.decode()
    assert "the barn" in page
    answer = ben.post(f"{page_of(batch)}remove/", follow=True).content.decode()
    assert "2 rows are removed." in answer
    assert not ManifestRow.objects.exists()


def test_a_script_gets_the_report_alone(batch: Any, cast: Any, browser_of: Any) -> None:
    ben = browser_of(cast.ben)
    answer = upload(ben, batch, TABLE, "check", headers={"HX-Request": "true"})
    assert "<main" not in answer.content.decode()
    assert ben.post(page_of(batch), {"do": "use"}).status_code == 400


def test_foreign_words_are_shown_as_words(batch: Any, cast: Any, browser_of: Any) -> None:
    payload = '<img src=x onerror=alert(1)>"\u202e{{ 7 }}'
    lines = json.dumps({"file": payload, "label": payload, "source": payload, payload: 1})
    for do in ("check", "use"):
        page = upload(browser_of(cast.ben), batch, lines, do).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
        assert "\u202e" not in page


def test_the_template_lists_what_has_arrived_and_can_be_sent_back(
    batch: Any, cast: Any, browser_of: Any, approve: Any, freeze: Any
) -> None:
    send(batch, {"cat/1.png": make_image(1), "lynx/=2.png": make_image(2), "=3.png": make_image(3)})
    client = browser_of(cast.ben)
    answer = client.get(f"/contributions/{batch.uuid}/manifest.csv")
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines() == [
        ",".join(COLUMNS),
        "cat/1.png,cat,,a garden,CC-BY-4.0,",
        "lynx/=2.png,lynx,,a garden,CC-BY-4.0,",
        "'=3.png,,,a garden,CC-BY-4.0,",
    ]
    report = use(batch, text)
    assert (report.arrived, report.missing, report.unnamed) == (3, 0, 0)
    assert report.before == {"same": 3}


def test_the_number_of_queries_does_not_grow(
    batch: Any, cast: Any, browser_of: Any, django_assert_max_num_queries: Any
) -> None:
    ben = browser_of(cast.ben)
    for rows in (1, 200):
        use(batch, "file,label\n" + "".join(f"{n}.png,class {n}\n" for n in range(rows)))
        with django_assert_max_num_queries(25):
            assert ben.get(f"/contributions/{batch.uuid}/").status_code == 200
        with django_assert_max_num_queries(25):
            assert ben.get(page_of(batch)).status_code == 200


# ---- sealed test labels


def test_nothing_about_it_opens_a_sealed_label(
    batch: Any, dataset: Any, cast: Any, approve: Any, freeze: Any, browser_of: Any
) -> None:
    actions.update_dataset(dataset, cast.ada, seals_test=True)
    use(batch, "file,label\n" + "".join(f"{n}.png,{['cat', 'dog'][n % 2]}\n" for n in range(30)))
    send(batch, {f"{n}.png": make_image(n) for n in range(30)})
    approve(list(batch.samples.order_by("pk")))
    assert not freeze().failure
    hidden = list(batch.samples.filter(split="test").select_related("label"))
    assert hidden

    for person in (cast.ben, cast.chen):
        page = browser_of(person).get(page_of(batch)).content.decode()
        assert ">cat<" not in page
        assert ">dog<" not in page
    names = Receipt.objects.filter(sample__in=hidden).values_list("name", flat=True)
    for label in ("cat", "dog"):
        lines = "file,label\n" + "".join(f"{name},{label}\n" for name in names)
        assert look(batch, lines).before == {"decided": len(hidden)}
    template = browser_of(cast.ben).get(f"/contributions/{batch.uuid}/manifest.csv")
    assert len(b"".join(template.streaming_content).splitlines()) == 1


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
