"""Texts to ids and nothing else: any text, the same ids everywhere, and nothing learnt from others."""

import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training.config import Text
from training.data.tokenizer import PADDING, UNKNOWN, learn, load_tokenizer
from training.errors import TrainingError

ENGLISH = [
    "Where is my card?",
    "The card has not arrived.",
    "Where can I change my PIN?",
    "I can't find the card's number",
] * 3
CHINESE = ["我的银行卡在哪里？", "银行卡还没有到。", "在哪里可以修改密码？"] * 3
KINDS = ("bpe", "characters")

# With halves of surrogate pairs, too: JSON may hold them.
any_text = st.text(st.characters(), max_size=60)


def taught(kind, texts=ENGLISH, **more):
    return learn(texts, Text(**{"tokenizer": kind, "vocabulary": 200, "max_length": 48, **more}))


def told(tokenizer, text):
    """The tokens of a text; ? for unknown."""
    names = ["·", "?", *tokenizer.rules.tokens]
    return [names[number] for number in tokenizer.encode([text])[0]]


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(any_text, max_size=8), more=st.lists(any_text, max_size=8))
@example(texts=[], more=["", " \t\n", "\0", "\ud800", "<pad>", "<unk>", "İ", "e\u0301", "a b"])
@settings(deadline=None)
def test_any_text_is_a_row_of_ids(kind, texts, more):
    tokenizer = taught(kind, texts, vocabulary=64, max_length=24)
    # What is remembered of earlier texts makes no difference, nor does who reads.
    tokenizer.encode(texts)
    found = tokenizer.encode(more)
    assert found == load_tokenizer(tokenizer.to_json()).encode(more)
    assert found == [tokenizer.encode([text])[0] for text in more]
    for row in found:
        assert 1 <= len(row) <= 24
        assert PADDING < min(row) <= max(row) < min(64, 2 + len(tokenizer.rules.tokens))


@given(text=any_text.filter(lambda text: "\0" not in text and not text.isspace()))
@settings(deadline=None)
def test_what_was_learnt_can_be_read_back(text):
    for kind, before in (("characters", ""), ("bpe", " ")):
        tokenizer = taught(kind, [text], lowercase=False, vocabulary=32_000, max_length=1024)
        plain = unicodedata.normalize("NFC", text).encode(errors="replace").decode()
        assert "".join(told(tokenizer, text)) == (before + " ".join(plain.split()) if text else "?")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_what_it_has_seen_it_knows(kind, texts):
    tokenizer = taught(kind, texts)
    for text in texts:
        assert "".join(told(tokenizer, text)).strip() == text.lower()


def test_frequent_words_become_one_token():
    tokenizer = taught("bpe")
    assert told(tokenizer, "Where is the CARD?") == [" where", " is", " the", " card", "?"]
    # Of a word that it has never seen it knows pieces.
    assert told(tokenizer, "cards")[0] == " card"
    assert "银行卡" in taught("bpe", CHINESE).rules.tokens


@pytest.mark.parametrize("kind", KINDS)
def test_knows_nothing_but_what_it_was_taught(kind):
    tokenizer = taught(kind, ["abc abc"])
    assert set("".join(tokenizer.rules.tokens)) <= set("abc ")
    assert told(tokenizer, "xyz")[-3:] == ["?"] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_is_an_upper_bound(kind):
    texts = ["".join(map(chr, range(0x4E00, 0x4E00 + 400)))] * 2
    for vocabulary in (64, 100, 1000):
        tokenizer = taught(kind, texts, vocabulary=vocabulary, max_length=1024)
        assert len(tokenizer.rules.tokens) <= vocabulary - 2
        assert max(tokenizer.encode(texts)[0]) < vocabulary


def test_rare_characters_are_unknown_and_ties_go_to_the_lower_code_point():
    text = "".join(chr(point) * (3 if point % 2 else 2) for point in range(0x4E00, 0x4E00 + 80))
    tokens = taught("characters", [text], vocabulary=64).rules.tokens
    odd = [chr(point) for point in range(0x4E00, 0x4E00 + 80) if point % 2]
    even = [chr(point) for point in range(0x4E00, 0x4E00 + 80) if not point % 2]
    assert list(tokens) == (odd + even)[:62]


@pytest.mark.parametrize("kind", KINDS)
def test_case_composition_and_space_are_evened_out(kind):
    tokenizer = taught(kind, ["café CAFÉ"])
    assert len({tuple(row) for row in tokenizer.encode(["café", " CAFÉ\n", "cafe\u0301"])}) == 1
    strict = taught(kind, ["café CAFÉ"], lowercase=False)
    assert strict.encode(["café"]) != strict.encode(["CAFÉ"])


def test_marks_belong_to_their_letters():
    hindi = "हिन्दी में " * 5
    assert " हिन्दी" in taught("bpe", [hindi]).rules.tokens


@pytest.mark.parametrize("kind", KINDS)
def test_long_texts_are_cut_and_empty_ones_are_one_unknown(kind):
    tokenizer = taught(kind, max_length=8)
    whole = taught(kind, max_length=1024)
    assert tokenizer.encode(ENGLISH) == [row[:8] for row in whole.encode(ENGLISH)]
    assert tokenizer.encode(["", "   ", "x" * 10_000])[:2] == [[UNKNOWN]] * 2
    assert tokenizer.encode([]) == []


def test_flat_ids_are_those_of_each_text():
    tokenizer = taught("bpe")
    ids, lengths = tokenizer.flat(ENGLISH)
    assert ids.dtype == np.uint16
    assert ids.tolist() == [number for row in tokenizer.encode(ENGLISH) for number in row]
    assert lengths.tolist() == [len(row) for row in tokenizer.encode(ENGLISH)]


# Words whose pieces occur equally often, so that every merge is a tie.
TIES = """
from training.config import Text
from training.data.tokenizer import learn
letters = "abcdefghijklmnopqrstuvwxyz"
texts = [f"{a}{b}{a}{b}" for a in letters for b in letters if a != b] * 3
for kind in ("bpe", "characters"):
    print(learn(texts, Text(tokenizer=kind, vocabulary=300)).to_json())
"""


def test_the_same_texts_teach_the_same_in_every_process():
    found = Counter()
    for seed in "012":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", TIES]
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        found[done.stdout] += 1
    assert len(found) == 1
    assert b"merges" in next(iter(found))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_texts_makes_no_difference(kind):
    assert taught(kind).to_json() == taught(kind, ENGLISH[::-1]).to_json()


def test_its_file_is_what_it_is(tmp_path):
    tokenizer = taught("bpe")
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), "utf-8")
    again = load_tokenizer(tmp_path / "tokenizer.json")
    assert again.to_json() == tokenizer.to_json()
    assert again.encode(ENGLISH + CHINESE) == tokenizer.encode(ENGLISH + CHINESE)


GOOD = {"format": 1, "kind": "bpe", "lowercase": True, "max_length": 9, "tokens": ["a", "b", "ab"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "words"},
        {"format": 2},
        {"max_length": 0},
        {"tokens": ["a", "a", "ab"]},
        {"tokens": ["a", "\0"]},
        {"merges": [["a", "c"]]},
        {"merges": [["b", "a"]]},
        {"kind": "characters"},
        {"more": 1},
    ],
)
def test_refuses_what_is_no_tokenizer(wrong, tmp_path):
    assert load_tokenizer(json.dumps(GOOD | {"merges": [["a", "b"]]})).encode(["ab"]) == [[1, 4]]
    with pytest.raises(TrainingError, match="tokenizer cannot be read"):
        load_tokenizer(json.dumps(GOOD | wrong))
    with pytest.raises(TrainingError, match="tokenizer cannot be read"):
        load_tokenizer(tmp_path / "nowhere.json")
