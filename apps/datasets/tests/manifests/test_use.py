"""Its words count at ingest and for what was read before; it is replaced and removed."""

import json
import threading
from typing import Any

import pytest
from django.db import connection

from apps.datasets import actions
from apps.datasets.actions import taking
from apps.datasets.actions.ingesting import drain_ingest
from apps.datasets.models import (
    Annotation,
    ManifestRow,
    Receipt,
)
from apps.datasets.tests.cast import make_image
from apps.datasets.tests.manifests.steps import HEAD, TABLE, look, said_of, send, use
from apps.datasets.tests.test_tallies import check
from apps.errors import RuleError

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
        page = browser_of(person).get(f"/contributions/{batch.uuid}/manifest/").content.decode()
        assert ">cat<" not in page
        assert ">dog<" not in page
    names = Receipt.objects.filter(sample__in=hidden).values_list("name", flat=True)
    for label in ("cat", "dog"):
        lines = "file,label\n" + "".join(f"{name},{label}\n" for name in names)
        assert look(batch, lines).before == {"decided": len(hidden)}
    template = browser_of(cast.ben).get(f"/contributions/{batch.uuid}/manifest.csv")
    assert len(b"".join(template.streaming_content).splitlines()) == 1
