"""Columns that say whether a row is a pair.

0 and 1, true and false, words, letters.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .names import SURELY_LABELS, compact

YES = frozenset("""1 true t yes y duplicate duplicates similar same match matching relevant
    highlyrelevant perfectlyrelevant entailment entails entailed positive pos correct right
    paraphrase equivalent exact ja si oui sim supports good pair isduplicate answer vrai wahr
    richtig korrekt correcto correcta verdadero vero corretto corretta passend relevante pertinent
    pertinente да 是 はい""".split())
NO = frozenset("""0 -1 false f no n notduplicate nonduplicate different dissimilar irrelevant
    notrelevant nonrelevant contradiction contradicts contradictory negative neg incorrect wrong
    unrelated mismatch nomatch notsimilar notequivalent notparaphrase refutes bad nein non nao
    nopair notpair faux falsch incorrecto incorrecta falso unpassend irrelevante irrelevant нет 否
    いいえ""".split())
NEITHER = frozenset("""neutral - unknown unsure maybe partial partiallyrelevant notenoughinfo
    na none null undecided skip""".split())
ESCI = {"e": True, "s": None, "c": None, "i": False, "exact": True, "substitute": None,
        "complement": None, "irrelevant": False}
"""Amazon's shopping queries: exact, substitute, complement, irrelevant."""
NLI = {"0": True, "1": None, "2": False, "-1": None}
"""Entailment, neutral, contradiction; no label: as SNLI and MNLI number them."""
MOST_GRADE = 10
GRADED = frozenset("relevance relevancelabel relevancejudgement grade judgement judgment".split())
"""Names under which whole numbers from 0 are grades of relevance: above 0 is relevant."""


@dataclass(frozen=True)
class Labels:
    """What the values of a label column mean.

    A pair (True), no pair (False), neither (None); so where there is no value.
    """

    column: str
    meaning: Mapping[str, bool | None]
    graded: bool = False

    def verdict(self, value: object) -> bool | None:
        """What one value means. KeyError for one that means nothing."""
        key = _key(value)
        if value is None or key == "":
            return None
        if self.graded and key.lstrip("-").isdigit() and len(key) < 9:
            return int(key) > 0
        return self.meaning[key]


def labels_of(
    column: str, values: Iterable[Any], names: Sequence[str] = ()
) -> Labels | None:
    """What a label column's values mean.

    If they say whether a row is a pair; None where they do not. values: of the first rows. names:
    of the other columns, which tell one numbering from another.
    """
    found = {_key(value) for value in values if value is not None and _key(value) != ""}
    name = compact(column)
    if not found or len(found) > MOST_GRADE + 1 or any(len(value) > 40 for value in found):
        return None
    others = set(map(compact, names))
    if {"premise", "hypothesis"} <= others and found <= NLI.keys():
        return Labels(column, NLI)
    plain = {value: True for value in YES} | dict.fromkeys(NO, False) | dict.fromkeys(NEITHER)
    if found <= plain.keys():
        both = any(plain[value] is False for value in found)
        sure = name in SURELY_LABELS or not found <= {"0", "1", "-1"}
        if sure or both and len(found) > 1:
            return Labels(column, plain, graded=name in GRADED)
        return None
    if found <= ESCI.keys() and len(found) > 1:
        return Labels(column, ESCI)
    if name in GRADED and "0" in found and all(value.isdigit() and int(value) <= MOST_GRADE
                                               for value in found):
        return Labels(column, {}, graded=True)
    return None


def is_unclear(column: str, values: Iterable[Any]) -> bool:
    """Whether a label column's numbers leave their meaning open."""
    found = _few(values)
    return (compact(column) in SURELY_LABELS and bool(found)
            and all(value.lstrip("-").isdigit() for value in found)
            and labels_of(column, found) is None)


def may_be_labels(column: str, values: Iterable[Any]) -> bool:
    """Whether a column may be a label nobody can tell.

    It is called so and holds a few words; or it holds yes and no under another name.
    """
    found = _few(values)
    if compact(column) in SURELY_LABELS:
        return bool(found) and labels_of(column, found) is None
    return bool(found) and found <= YES | NO and bool(found & YES) and bool(found & NO) and not all(
        value.lstrip("-").isdigit() for value in found)


def _few(values: Iterable[Any]) -> set[str]:
    """The values of a column, where they are few; none for one value, or many."""
    found = {_key(value) for value in values if value is not None and _key(value) != ""}
    return found if 1 < len(found) <= MOST_GRADE else set()


def counted(values: Iterable[Any]) -> str:
    """How often each value stands there: “1 (50), 0 (50)”."""
    counts = Counter(str(value)[:30] for value in values if value is not None)
    return ", ".join(f"{value} ({count:,})" for value, count in counts.most_common(6))


def _key(value: object) -> str:
    """A value as the tables have it: case and signs do not matter, and 1.0 is 1."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip().lower()
    if text.endswith(".0") and text[:-2].lstrip("-").isdigit():
        text = text[:-2]
    return text if text.lstrip("-").isdigit() or text == "-" else compact(text)
