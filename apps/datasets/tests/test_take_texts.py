"""A text dataset: files of texts become samples, through the same contribution, review and version."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.datasets import actions
from apps.datasets.actions import texting
from apps.datasets.actions.ingesting import claim_receipts, drain_ingest, process_receipts
from apps.datasets.ingest.refusal import Refused
from apps.datasets.ingest.text import clean_text, content_sha256, read_entries
from apps.datasets.models import Dataset, Licence, Membership, Receipt, Role, Sample
from apps.datasets.receipts import sentence
from apps.datasets.tests.cast import outcomes
from apps.datasets.tests.test_tallies import check


@pytest.fixture
def dataset(cast: Any) -> Dataset:
    """Ada's dataset of questions; Ben contributes, Chen reviews."""
    made = actions.create_dataset(
        cast.ada,
        title="Questions",
        slug="pets",
        task="text_classification",
        licence=Licence.CC_BY,
        class_names=["card", "pin"],
    )
    Membership.objects.create(dataset=made, member=cast.ben, role=Role.CONTRIBUTOR)
    Membership.objects.create(dataset=made, member=cast.chen, role=Role.REVIEWER)
    return made


CSV = (
    'text,category\nWhere is my card?,card\n"I forgot\nmy PIN",pin\nWHERE is  my card?,card\n,pin\n'
)


def test_a_table(contribute: Any) -> None:
    batch = contribute({"train.csv": CSV.encode()})

    assert outcomes(batch) == {
        "train.csv": "unpacked",
        "train.csv:2": "accepted",
        "train.csv:4": "accepted",
        "train.csv:5": "duplicate",
        "train.csv:6": "empty_text",
    }
    first, second = batch.samples.order_by("pk")
    assert (first.excerpt, first.label.name, first.declared_split) == (
        "Where is my card?",
        "card",
        "train",
    )
    assert second.excerpt == "I forgot my PIN"
    assert (first.width, first.thumbnail_sha256, first.media_type) == (None, "", "text/plain")
    check()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("card/a.txt", b"one\n\ntwo\r\nthree\n"),
        ("card/a.txt", "\ufeffone\ntwo\nthree".encode()),
        ("a.tsv", b"sentence\tlabel\none\tcard\ntwo\tcard\nthree\tcard\n"),
        ("a.csv", b"label;text\ncard;one\ncard;two\ncard;three\n"),
        ("a.jsonl", b'{"text": "one", "label": "card"}\n{"text": "two", "label": "CARD"}\n'
         b'{"text": "three", "intent": "card"}\n'),
    ],
)  # fmt: skip
def test_content_decides_what_it_is(contribute: Any, name: str, data: bytes) -> None:
    batch = contribute({name: data})
    found = batch.samples.order_by("pk").values_list("excerpt", "label__name")
    assert list(found) == [("one", "card"), ("two", "card"), ("three", "card")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b" \n ", "empty_file"),
        ("Größe".encode("latin-1"), "not_utf8"),
        ("text".encode("utf-16"), "not_utf8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not_utf8"),
        (b'{"text": "a"}\n{"text": ', "bad_table"),
        (b'{"question_id": 1}\n', "no_text_column"),
        (b'text,label\n"never closed,card\n', "bad_table"),
    ],
)
def test_a_file_that_cannot_be_read_adds_nothing(contribute: Any, data: bytes, code: str) -> None:
    assert outcomes(contribute({"a.csv": data})) == {"a.csv": code}
    assert not Sample.objects.exists()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_ends_where_editors_end_it(contribute: Any, end: str) -> None:
    """Other separators of Unicode stand inside of texts, and JSON allows them there."""
    texts = ["one\u2028two", "three\u2029four", "five\x85six"]
    rows = [json.dumps({"text": text, "label": "news"}, ensure_ascii=False) for text in texts]
    batch = contribute({"a.jsonl": end.join(rows).encode()})
    assert outcomes(batch)["a.jsonl"] == "unpacked"
    assert batch.samples.count() == 3
    plain = contribute({"b.txt": end.join(["seven\x0beight", "nine\x0cten\u2028eleven"]).encode()})
    assert plain.samples.count() == 2
    table = contribute({"c.csv": end.join(["text,label", "twelve\u2028more,news"]).encode()})
    assert table.samples.count() == 1


def test_limits_on_both_sides(contribute: Any, settings: Any) -> None:
    settings.MAX_TEXT_CHARS = 5
    settings.MAX_TEXT_ROWS = 2
    assert outcomes(contribute({"a.txt": b"12345\n123456"})) == {
        "a.txt": "unpacked",
        "a.txt:1": "accepted",
        "a.txt:2": "text_too_long",
    }
    assert outcomes(contribute({"b.txt": b"1\n2\n3"})) == {"b.txt": "too_many_rows"}


@pytest.mark.parametrize(
    ("field", "limit"),
    [("group", 80), ("source", 120)],
)
def test_words_about_a_text_are_cut_after_their_limit(
    contribute: Any, field: str, limit: int
) -> None:
    rows = f"text,{field}\none,{'a' * limit}\ntwo,{'b' * limit}c\n"
    batch = contribute({"a.csv": rows.encode()})
    found = batch.samples.order_by("pk").values_list(field, flat=True)
    assert list(found) == ["a" * limit, "b" * limit]


def test_the_beginning_of_a_text_has_200_characters(contribute: Any) -> None:
    batch = contribute({"a.txt": b"a" * 200 + b"\n" + b"b" * 201})
    found = batch.samples.order_by("pk").values_list("excerpt", flat=True)
    assert list(found) == ["a" * 200, "b" * 199 + "…"]


def test_a_file_of_texts_is_as_large_as_a_file_may_be(contribute: Any, settings: Any) -> None:
    settings.MAX_IMAGE_BYTES = 7
    assert outcomes(contribute({"at.txt": b"one\ntwo"}))["at.txt"] == "unpacked"
    assert outcomes(contribute({"over.txt": b"one\nfour"})) == {"over.txt": "file_too_large"}


def test_source_and_licence_of_each_row(contribute: Any) -> None:
    table = (
        "text,source,license\n"
        "one,the call centre,CC0-1.0\n"
        "two,,\n"
        "three,the call centre,WTFPL\n"
        "four,,cc by sa 4.0\n"
    )
    batch = contribute({"a.csv": table.encode()}, source="letters")
    assert outcomes(batch) == {
        "a.csv": "unpacked",
        "a.csv:2": "accepted",
        "a.csv:3": "accepted",
        "a.csv:4": "unknown_licence",
        "a.csv:5": "accepted",
    }
    assert list(batch.samples.order_by("pk").values_list("excerpt", "source", "licence")) == [
        ("one", "the call centre", "CC0-1.0"),
        ("two", "letters", "CC-BY-4.0"),
        ("four", "letters", "CC-BY-SA-4.0"),
    ]
    refused = sentence(batch.receipts.get(code="unknown_licence"))
    assert "WTFPL" in refused
    assert "CC-BY-4.0" in refused


def test_what_no_database_stores_is_refused_or_left_out(contribute: Any) -> None:
    half = b'{"text": "half of a pair: \\ud800"}\n'
    deep = b'{"text": ' + b"[" * 100_000 + b"\n"
    null = b'{"text": "one", "label": "ca\\u0000rd", "group": "\\u0000g", "source": "\\u0000"}\n'
    found = outcomes(contribute({"half.jsonl": half, "deep.jsonl": deep, "null.jsonl": null}))
    assert found["half.jsonl"] == found["deep.jsonl"] == "bad_table"
    assert found["null.jsonl:1"] == "accepted"
    sample = Sample.objects.get()
    assert (sample.label.name, sample.group, sample.source) == ("card", "g", "")


def test_what_nobody_sees_is_removed(contribute: Any) -> None:
    batch = contribute({"a.txt": "evil\u202etxt.exe\x07\n<script>alert(1)</script>".encode()})
    fixed, harmless = batch.samples.order_by("pk")
    assert fixed.excerpt == "eviltxt.exe"
    assert outcomes(batch)["a.txt:1"] == "fixed"
    assert harmless.excerpt == "<script>alert(1)</script>"


def test_it_is_shown_as_text_and_nothing_else(contribute: Any, cast: Any, browser_of: Any) -> None:
    payload = '<img src=x onerror=alert(1)> {{ 7|add:"1" }} "\'&'
    sample = contribute({"card/a.txt": payload.encode()}).samples.get()
    chen = browser_of(cast.chen)
    for path in (f"/samples/{sample.pk}/", "/datasets/pets/samples/", "/datasets/pets/review/"):
        page = chen.get(path).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page


def test_an_interrupted_file_is_taken_up_without_doubles(
    dataset: Any, cast: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(texting, "PORTION", 3)
    batch = actions.open_contribution(dataset, cast.ben, licence=Licence.CC_BY, agreed=True)
    lines = "\n".join(f"question {n}" for n in range(10))
    actions.receive_file(batch, cast.ben, name="a.txt", chunks=[lines.encode()])
    renewed: list[Receipt] = []

    def die_after_two(receipt: Receipt) -> None:
        renewed.append(receipt)
        if len(renewed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Receipt, "renew_claim", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        process_receipts(claim_receipts())
    assert 0 < Sample.objects.count() < 10
    monkeypatch.undo()
    Receipt.objects.waiting().update(claimed_until=None)
    actions.finish_contribution(batch, cast.ben)
    drain_ingest()

    assert Sample.objects.count() == 10
    assert Receipt.objects.filter(contribution=batch).count() == 11
    check()


def test_review_and_version(contribute: Any, approve: Any, freeze: Any, cast: Any) -> None:
    rows = [{"text": f"{name} {n}", "label": name} for name in ("card", "pin") for n in range(5)]
    batch = contribute({"a.jsonl": "\n".join(map(json.dumps, rows)).encode()})
    approve(list(batch.samples.all()))
    version = freeze()
    assert (version.size, version.failure) == (10, "")
    actions.approve_version(version, cast.ada)
    assert version.status == "approved"


EMPTY = "empty_text"
WHOLE_FILE = {"empty_file", "not_utf8", "no_text_column", "bad_table", "too_many_rows"}


@given(st.text(max_size=200))
def test_cleaning_is_done_once(text: str) -> None:
    once = _or_code(lambda: clean_text(text, most=1000))
    if isinstance(once, str):
        assert once == EMPTY
        return
    again = clean_text(once.text, most=1000)
    assert (again.text, again.fixes) == (once.text, [])
    assert again.content_sha256 == once.content_sha256 == content_sha256(f" {once.text}  ")
    assert len(once.excerpt) <= 200


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read = _or_code(lambda: list(read_entries(data, "any", most=50)))
    assert read in WHOLE_FILE if isinstance(read, str) else read is not None


def _or_code(work: Any) -> Any:
    try:
        return work()
    except Refused as refusal:
        return refusal.code
