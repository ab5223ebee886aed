"""Texts to numbers: a tokenizer is learnt from texts, kept as JSON, and used wherever its model goes.

A text is read in Unicode's NFC, in small letters if the policy says so, with each run of white space as one
space. Then, by ``kind``:

* ``characters``: each character is a token;
* ``bpe``: white space parts the text into words, each with one space before it; letters, digits and
  marks are parted from all else, of which every character stands alone; ``merges`` are applied to the
  characters of each part, the first in the list first (Sennrich et al. 2016).

Id 0 is padding, 1 what is unknown, 2 and up are ``tokens`` in their order. A text has at most
``max_length`` ids; an empty one is a single unknown. As JSON::

    {"format": 1, "kind": "bpe", "lowercase": true, "max_length": 128,
     "merges": [["c", "a"], ["ca", "t"]], "tokens": ["a", "c", "t", "ca", "cat"]}
"""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import tokenizers
from pydantic import Field, ValidationError
from tokenizers import models, pre_tokenizers, trainers

from training.config import Text
from training.config.strict import Items, Strict
from training.errors import TrainingError

# Its own threads would not be counted among the job's, and it warns where a process forks.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

PADDING, UNKNOWN = 0, 1
FIRST = 2
NUL = "\0"  # never a token: it stands for the unknown
LONE_CHARACTERS = (
    0.75  # at most this share of a bpe vocabulary, so that some is left for longer ones
)
MOST_REMEMBERED = 20_000_000  # characters of words

Ids = npt.NDArray[np.uint16]
Lengths = npt.NDArray[np.int64]
Encoder = Callable[[Sequence[str]], tuple[Ids, Lengths]]


class Rules(Strict):
    """All that a tokenizer is; its JSON is what is kept."""

    format: Literal[1] = 1
    kind: Literal["bpe", "characters"]
    lowercase: bool
    max_length: int = Field(ge=1)
    tokens: Items[str]
    merges: Items[tuple[str, str]] = ()


class Tokenizer:
    """Texts to ids, the same ones everywhere."""

    def __init__(self, rules: Rules) -> None:
        if len({NUL, *rules.tokens}) <= len(rules.tokens):
            raise ValueError("a token is there twice, or none at all")
        self.rules = rules
        self.flat: Encoder = _ENCODERS[rules.kind](rules)
        """Ids of all texts one after the other, and how many each has: at least one."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text. Any string is a text."""
        ids, lengths = self.flat(texts)
        return [part.tolist() for part in np.split(ids, lengths.cumsum()[:-1])] if texts else []

    def to_json(self) -> str:
        """What :func:`load_tokenizer` reads; the same tokenizer gives the same text."""
        return self.rules.model_dump_json()


def load_tokenizer(source: Path | str) -> Tokenizer:
    """From its JSON, or from a file of it. Raises ``TrainingError("bad_input")``."""
    try:
        content = source.read_text("utf-8") if isinstance(source, Path) else source
        return Tokenizer(Rules.model_validate_json(content))
    except (OSError, ValueError, ValidationError) as error:
        raise TrainingError("bad_input", f"The tokenizer cannot be read: {error}") from error


def learn(texts: Iterable[str], policy: Text) -> Tokenizer:
    """A tokenizer of at most ``policy.vocabulary`` ids, all of which ``texts`` have taught it.

    Which characters are too rare to know, and which pieces are merged, depends on nothing but how often
    they occur; ties go to the lower code points.
    """
    normal = [normalise(text, policy.lowercase) for text in texts]
    counts = Counter(chain.from_iterable(normal))
    del counts[NUL]
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    room = policy.vocabulary - FIRST
    tokens, merges = ranked[:room], list[tuple[str, str]]()
    if policy.tokenizer == "bpe":
        known = {" ", *ranked[: int(room * LONE_CHARACTERS)]}
        tokens, merges = _merge(normal, known, policy.vocabulary)
    return Tokenizer(
        Rules(
            kind=policy.tokenizer,
            lowercase=policy.lowercase,
            max_length=policy.max_length,
            tokens=tuple(tokens),
            merges=tuple(merges),
        )
    )


def normalise(text: str, lowercase: bool) -> str:
    """NFC, one space between words, none around them."""
    text = text.lower() if lowercase else text
    if not text.isascii():
        # Half of a surrogate pair is no text: nothing could store it.
        text = unicodedata.normalize("NFC", text).encode(errors="replace").decode()
    return " ".join(text.split())


# ---------------------------------------------------------------------------- characters


def _by_characters(rules: Rules) -> Encoder:
    table = np.full(0x110000, UNKNOWN, np.uint16)
    if any(len(token) != 1 for token in rules.tokens):
        raise ValueError("a token is no single character")
    known = np.frombuffer("".join(rules.tokens).encode("utf-32-le"), np.uint32)
    table[known] = np.arange(FIRST, FIRST + len(known))

    def encode(texts: Sequence[str]) -> tuple[Ids, Lengths]:
        cut = [normalise(text, rules.lowercase)[: rules.max_length] or NUL for text in texts]
        points = np.frombuffer("".join(cut).encode("utf-32-le"), np.uint32)
        return table[points], np.fromiter(map(len, cut), np.int64, len(cut))

    return encode


# ---------------------------------------------------------------------------- bpe


def _by_merges(rules: Rules) -> Encoder:
    apply = tokenizers.Tokenizer(_model(rules))
    remembered: dict[str, bytes] = {}  # a word: its ids as uint16, so that joining is one call
    size, empty = 2 * rules.max_length, np.uint16(UNKNOWN).tobytes()
    characters = 0

    def remember(words: list[str]) -> None:
        nonlocal characters
        if characters > MOST_REMEMBERED:
            remembered.clear()
            characters = 0
        new = [word for word in words if word not in remembered]
        parts = [_parts(word) for word in new]
        found = apply.encode_batch_fast(list(chain.from_iterable(parts)), add_special_tokens=False)
        ids = (np.array(each.ids, np.uint16).tobytes() for each in found)
        for word, own in zip(new, parts, strict=True):
            remembered[word] = b"".join(next(ids) for _ in own)[:size]
            characters += len(word)

    def encode(texts: Sequence[str]) -> tuple[Ids, Lengths]:
        # No more words than ids: each is one or more.
        most = rules.max_length
        split = [normalise(text, rules.lowercase).split(" ", most)[:most] for text in texts]
        remember(list(dict.fromkeys(chain.from_iterable(split))))
        cut = [b"".join(map(remembered.__getitem__, words))[:size] or empty for words in split]
        lengths = np.fromiter(map(len, cut), np.int64, len(cut)) // 2
        return np.frombuffer(b"".join(cut), np.uint16), lengths

    return encode


def _model(rules: Rules) -> models.BPE:
    vocabulary = {token: number for number, token in enumerate(rules.tokens, FIRST)}
    try:
        return models.BPE({NUL: UNKNOWN} | vocabulary, list(rules.merges), unk_token=NUL)
    except Exception as error:  # the library has no narrower one
        raise ValueError(f"a merge makes no token: {error}") from error


def _merge(
    texts: list[str], known: set[str], vocabulary: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """Tokens and merges of what occurs at least twice."""
    model = tokenizers.Tokenizer(models.BPE())
    # "\n" is in no text by now.
    model.pre_tokenizer = pre_tokenizers.CharDelimiterSplit("\n")
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[NUL * 2, NUL],  # they take the first two ids
        show_progress=False,
    )
    model.train_from_iterator(_lines(texts, known), trainer)
    found = json.loads(model.to_str())["model"]
    tokens = sorted(found["vocab"], key=found["vocab"].__getitem__)
    return tokens[FIRST:], [(left, right) for left, right in found["merges"]]


def _lines(texts: Iterable[str], known: set[str]) -> Iterator[str]:
    """Each text's parts, one on a line; an unknown character parts them, too."""

    @cache
    def line(word: str) -> str:
        parts = "\n".join(_parts(word))
        if known.issuperset(word):
            return parts
        return "".join(each if each in known else "\n" for each in parts)

    for text in texts:
        yield "\n".join(map(line, text.split(" ")))


def _parts(word: str) -> list[str]:
    """``can't!`` to `` can``, ``'``, ``t``, ``!``."""
    word = f" {word}"
    return (PARTS if word.isascii() else _all_parts()).findall(word)


PARTS = re.compile(r" ?\w+| ?[^\w ]")


@cache
def _all_parts() -> re.Pattern[str]:
    """As ``PARTS``, but marks (vowel signs, accents) and joiners belong to their letters."""
    marks = [
        chr(point) for point in range(0x110000) if unicodedata.category(chr(point)).startswith("M")
    ]
    letters = rf"\w\u200c\u200d{''.join(marks)}"
    return re.compile(rf" ?[{letters}]+| ?[^ {letters}]")


_ENCODERS: dict[str, Callable[[Rules], Encoder]] = {
    "characters": _by_characters,
    "bpe": _by_merges,
}
