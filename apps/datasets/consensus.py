"""What several independent labels of one sample come to: a pure function of who said what.

The rule: enough people, and more than a share of them for one answer. With the default (two people,
more than two thirds) 2 of 2 settle it, 2 of 3 do not, 3 of 4 do.
"""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

REJECT = "reject"  # cannot be used
UNSURE = "unsure"  # looked at it and cannot tell

OPEN, SETTLED, EXPERT = "open", "settled", "expert"

# A class id, REJECT or UNSURE.
Option = int | str


class Rule(NamedTuple):
    needed: int  # people at least
    support: Fraction  # more than this share of them
    most: int  # people, after which an expert decides
    voters: frozenset[Any]  # who may answer: once nobody is left, an expert decides, too


class Verdict(NamedTuple):
    state: str  # OPEN, SETTLED or EXPERT
    option: Option | None  # what it is settled as
    people: int
    agreeing: int  # how many said the most frequent answer


def verdict(votes: Mapping[Any, Option], rule: Rule) -> Verdict:
    """votes: one answer for each person (their latest). The order of people means nothing."""
    people = len(votes)
    answers = Counter(option for option in votes.values() if option != UNSURE)
    agreeing = max(answers.values(), default=0)
    leaders = [option for option, number in answers.items() if number == agreeing]
    enough = people >= rule.needed and Fraction(agreeing, people or 1) > rule.support
    if enough and len(leaders) == 1:
        return Verdict(SETTLED, leaders[0], people, agreeing)
    over = people >= rule.most or rule.voters <= votes.keys()
    state = EXPERT if over else OPEN
    return Verdict(state, None, people, agreeing)


def disputed(votes: Mapping[Any, Option]) -> bool:
    """Whether people named different classes."""
    return len({option for option in votes.values() if isinstance(option, int)}) > 1
