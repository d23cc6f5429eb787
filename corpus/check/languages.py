"""Languages of a corpus's queries and passages, by sample."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from corpus.records import Corpus

from .findings import KINDS, Finding

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

Item = TypeVar("Item")
MOST_TEXTS = 1_000
"""Questions that are looked at, and as many passages."""
MOST_CHARACTERS = 1_000
FEWEST_LETTERS = 12
CONFIDENCE = 0.5
"""How sure the model must be of a text: below that it is mostly wrong, on names and numbers too."""
FEWEST_TEXTS, LEAST_TOLD = 10, 0.25
"""How many, and which share, of the texts it must be sure of: otherwise nothing is said."""
REAL_SHARE = 0.05
"""A language of fewer texts than that may be mistakes of the model."""
JOINED = 100
"""Characters to which short texts are joined where most of them are too short to tell."""
ENGLISH = "en"
SAME = {"pcm": ENGLISH}
"""Codes that are taken for another: in English jargon the model finds Nigerian Pidgin."""
NO_LANGUAGE = "zxx"
RELATED = (frozenset({"no", "nb", "nn", "da"}), frozenset({"hr", "bs", "sr", "sh"}),
           frozenset({"id", "ms"}), frozenset({"gl", "pt"}), frozenset({"cs", "sk"}),
           frozenset({"af", "nl"}))
"""Languages that the model takes for one another in short texts."""
NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay",
    "nb": "Norwegian", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovene", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}
NOT_ENGLISH = ("Tandem keeps them, but the base model it brings knows English only: take a "
               "multilingual base model, or bring English data.")
CROSSING = ("Tandem keeps them, but question and answer meet only in a model that knows both "
            "languages: take a multilingual base model, or check the columns.")


@dataclass(frozen=True)
class Told:
    """The languages of some texts.

    counts: code -> texts; looked_at: those not told, too.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    looked_at: int = 0

    @property
    def told(self) -> int:
        """Texts, or some joined, whose language can be told."""
        return sum(self.counts.values())

    @property
    def shares(self) -> dict[str, float]:
        """Share of each language, largest first.

        Without those that are a mistake here and there.
        """
        if self.told < max(FEWEST_TEXTS, LEAST_TOLD * self.looked_at):
            return {}
        return {code: round(count / self.told, 4) for code, count in
                sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))
                if count >= max(2, REAL_SHARE * self.told)}

    @property
    def main(self) -> str:
        """The language of more than half of the texts.

        Empty where there is none.
        """
        code, share = next(iter(self.shares.items()), ("", 0.0))
        return code if share > 0.5 else ""


@dataclass(frozen=True)
class Languages:
    """The languages of a corpus's questions and passages."""

    questions: Told = field(default_factory=Told)
    passages: Told = field(default_factory=Told)

    def as_json(self) -> dict[str, Any]:
        """The shares as the report has them.

        Code -> share of the texts that can be told.
        """
        return {"questions": self.questions.shares, "passages": self.passages.shares}

    def finding(self, base_is_english: bool = True) -> Finding | None:
        """What there is to say.

        Nothing, where all is in one language that base knows. base_is_english: whether base is a
        model for English, as the embedded one is.
        """
        sides = {name: told for name, told in (("Questions", self.questions),
                                               ("Passages", self.passages)) if told.shares}
        mains = [told.main for told in sides.values()]
        codes = {code for told in sides.values() for code in told.shares}
        if base_is_english and any(told.shares.get(ENGLISH, 0) <= 0.5 for told in sides.values()):
            severity, action = "warning", NOT_ENGLISH
        elif len(mains) == 2 and all(mains) and not _alike(set(mains)):
            severity, action = "warning", CROSSING
        elif not _alike(codes):
            severity, action = KINDS["languages"]
        else:
            return None
        cases = tuple(f"{name}: {_listed(told)}" for name, told in sides.items())
        return Finding("languages", severity, len(codes), action, cases)


def languages(corpus: Corpus) -> Languages:
    """The languages of a corpus, on a sample of texts.

    `MOST_TEXTS` queries and as many passages.
    """
    return Languages(told_of([query.text for query in evenly(list(corpus.queries.values()))]),
                     told_of([passage.content for passage in evenly(corpus.passages)]))


def told_of(texts: Sequence[str]) -> Told:
    """The languages of some texts.

    Where most are too short to tell, of some of them joined.
    """
    texts = [text[:MOST_CHARACTERS] for text in texts]
    alone = _counted(texts)
    if 2 * alone.told >= alone.looked_at:
        return alone
    joined = _counted(list(_joined(texts)))
    return joined if joined.told * alone.looked_at > alone.told * joined.looked_at else alone


def _counted(texts: Sequence[str]) -> Told:
    codes = Counter(code for text in texts if (code := _language(text)))
    return Told(codes, len(texts))


def language_odds(text: str) -> dict[str, float]:
    """How likely a text is in each language, by code.

    Together 1; empty where there are too few letters to tell.
    """
    if _is_short(text):
        return {}
    odds: dict[str, float] = {}
    for code, share in _identifier().rank(text[:MOST_CHARACTERS]):
        odds[SAME.get(code, code)] = odds.get(SAME.get(code, code), 0.0) + float(share)
    return odds


def _language(text: str) -> str:
    """The language of a text, as a code; empty where it cannot be told."""
    if _is_short(text):
        return ""
    code, confidence = _identifier().classify(text)
    code = SAME.get(code, code)
    return code if confidence >= CONFIDENCE and code != NO_LANGUAGE else ""


def _is_short(text: str) -> bool:
    letters = "".join(mark for mark in text if mark.isalpha())
    return len(letters.encode("utf-8", "replace")) < FEWEST_LETTERS


@cache
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _joined(texts: Sequence[str]) -> Iterator[str]:
    part = ""
    for text in texts:
        part = f"{part}\n{text}" if part else text
        if len(part) >= JOINED:
            yield part
            part = ""


def evenly(items: Sequence[Item], most: int = MOST_TEXTS) -> Sequence[Item]:
    """Some texts, at even distances."""
    return items[:: -(-len(items) // most) or 1]


def _alike(codes: set[str]) -> bool:
    return len(codes) <= 1 or any(codes <= related for related in RELATED)


def _listed(told: Told) -> str:
    shares = ", ".join(f"{NAMES.get(code, code)} {share:.0%}" for code, share in
                       list(told.shares.items())[:5])
    return f"{shares} (of {told.told:,} texts that can be told)"
