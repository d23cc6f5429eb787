"""Whether a question is in a language of the corpus.

By the odds of py3langid's model, held against the corpus's own questions. How often that is right
is in bench/RESULTS.md (`python -m bench.nothing_fits`).
"""

from dataclasses import dataclass

import numpy as np

from corpus.check.languages import (
    NAMES,
    NO_LANGUAGE,
    RELATED,
    evenly,
    language_odds,
    told_of,
)
from corpus.records import Corpus

MOST = 200
"""Texts of a kind that are looked at."""
UNLIKELY = 0.05
"""Odds of the corpus's languages below which a question is in another, at most."""
FALSE_ALARMS = 0.01
"""The share of the corpus's own questions that may fall below: else the odds are set lower."""
SURE = 0.5
"""Odds from which the other language is called by its name."""


@dataclass(frozen=True)
class KnownLanguages:
    """The languages of a corpus's texts.

    codes: those, and the ones that are taken for them. named: the main one, as people call it.
    least: the odds below which a question is in none of them.
    """

    codes: frozenset[str]
    named: str
    least: float = UNLIKELY

    def remark(self, question: str) -> str:
        """A sentence where a query is in another language.

        Empty where it is not, or cannot be told.
        """
        odds = language_odds(question)
        if not odds or self.odds(odds) >= self.least:
            return ""
        other = max(odds, key=odds.__getitem__)
        if other == NO_LANGUAGE:
            return ""
        if odds[other] >= SURE and other in NAMES:
            return f"The question looks {NAMES[other]}; the passages here are {self.named}."
        return f"The question does not look {self.named}, as the passages here are."

    def odds(self, odds: dict[str, float]) -> float:
        """The odds that a text is in these languages."""
        return sum(odds.get(code, 0.0) for code in self.codes)


def known_languages(corpus: Corpus) -> KnownLanguages | None:
    """The languages of a corpus, on a sample of texts.

    None where they cannot be told, or the passages have no main one.
    """
    passages = told_of([passage.content for passage in evenly(corpus.passages, MOST)])
    questions = [query.text for query in evenly(list(corpus.queries.values()), MOST)]
    if passages.main not in NAMES:
        return None
    codes = {*passages.shares, *told_of(questions).shares}
    codes |= {code for group in RELATED if group & codes for code in group}
    known = KnownLanguages(frozenset(codes), NAMES[passages.main])
    own = [known.odds(odds) for odds in map(language_odds, questions) if odds]
    if not own:
        return known
    return KnownLanguages(known.codes, known.named,
                          min(UNLIKELY, float(np.quantile(own, FALSE_ALARMS))))
