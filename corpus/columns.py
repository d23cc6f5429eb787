"""Which column of a table holds what."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from .records import CorpusError
from .text import shortened

ANCHOR_NAMES = ("anchor", "question", "query")
POSITIVE_NAMES = ("positive", "answer", "passage", "context", "document")
ALIASES = {
    "anchor": (*ANCHOR_NAMES, *"""questions queries q search searchquery searchterm userquery
        userquestion questiontext questionbody querytext anchortext sentence1 sentencea text1 texta
        prompt instruction utterance ask
        frage fragen kundenfrage anfrage suchanfrage suche suchbegriff
        requete pregunta preguntas consulta domanda domande pergunta perguntas vraag vragen
        fraga spørgsmål spørsmål kysymys pytanie otazka soru вопрос
        问题 問題 质问 質問 질문""".split()),
    "positive": (*POSITIVE_NAMES, *"""pos positives positivepassage positivepassages positivetext
        positivedoc answers answertext bestanswer acceptedanswer response responses reply output
        completion passagetext contexts documenttext doc docs chunk paragraph sentence2 sentenceb
        text2 textb relevant target text content body description abstract article
        antwort antworten beschreibung textabschnitt absatz dokument inhalt
        reponse reponses respuesta respuestas risposta risposte resposta respostas antwoord
        antwoorden svar vastaus odpowiedz odpoved cevap ответ 答案 回答 解答 답변""".split()),
    "score": tuple("""score scores similarity similarityscore sim simscore cosine cosinesimilarity
        relevance relevancescore rating grade bewertung punktzahl ahnlichkeit""".split()),
    "topic": tuple("""topic category class theme subject intent section kategorie thema rubrik
        categorie categoria tema onderwerp""".split()),
}
"""What columns are called that hold it, as `_compact` leaves a name; the earlier goes first."""
NEGATIVE = re.compile(r"(hard)?neg(ative)?s?(passage|doc|document|text|answer|sample)?s?\d{0,3}"
                      r"|falscheantwort(en)?\d{0,3}|sentence3|negativ[eo]?s?\d{0,3}")
FOR_EXTRA = ("text", "passage", "document", "content", "body", "chunk", "paragraph", "context",
             "positive", "answer", "description", "doc", "dokument", "inhalt", "absatz")
TITLES = ("title", "titel", "heading", "name", "headline", "titre", "titulo", "titolo")
HOW_TO_NAME = ("say which column is which with --anchor and --positive (python -m corpus convert), "
               "or in the Fine-tune tab")


@dataclass(frozen=True)
class Columns:
    """The columns of a table of pairs, by what they hold.

    negatives: columns of passages that do not answer. score: how well the positive answers;
    rows below `least_score` are left out.
    """

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()
    score: str = ""
    least_score: float | None = None
    topic: str = ""

    def as_json(self) -> dict[str, Any]:
        """The columns as JSON holds them."""
        return asdict(self) | {"negatives": list(self.negatives)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Columns":
        """The columns from what `as_json` gave."""
        return cls(**{**value, "negatives": tuple(value.get("negatives") or ())})


@dataclass(frozen=True)
class Guess:
    """Which columns hold what, as far as can be told; certain: their names say so."""

    columns: Columns
    certain: bool


def guess_columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]] = ()) -> Guess | None:
    """The columns of a table by their names, or where those say nothing by the first rows.

    None where there are no two columns that can be question and answer.
    """
    known = {role: _called(names, role) for role in ALIASES}
    negatives = tuple(name for name in names if NEGATIVE.fullmatch(_compact(name)))
    anchor, positive = known["anchor"], known["positive"]
    certain = bool(anchor and positive)
    if not certain:
        taken = {*negatives, known["score"], known["topic"]}
        anchor, positive = _by_values(names, rows, taken, anchor, positive)
    if not anchor or not positive:
        return None
    return Guess(Columns(anchor, positive, negatives, known["score"], topic=known["topic"]),
                 certain)


def known_names(names: Iterable[str]) -> list[str]:
    """Those of some names that say what their column holds."""
    known = {_compact(alias) for aliases in ALIASES.values() for alias in aliases}
    return [name for name in names
            if len(name) <= 80 and (_compact(name) in known or NEGATIVE.fullmatch(_compact(name)))]


def first_called(names: Iterable[str], wanted: Sequence[str]) -> str:
    """The name that is spelt like the earliest of those wanted; empty where none is."""
    by_compact: dict[str, str] = {}
    for name in names:
        if len(name) <= 80:
            by_compact.setdefault(_compact(name), name)
    return next((by_compact[alias] for alias in map(_compact, wanted) if alias in by_compact), "")


def check_columns(
    columns: Columns, names: Sequence[str], source: str, sparse: bool = False
) -> None:
    """Refuse columns that a table has not; CorpusError names those it has.

    sparse: a row need not have all of them, so that others than anchor and positive may turn up.
    """
    asked = [columns.anchor, columns.positive]
    if not sparse:
        asked += [*columns.negatives, columns.score, columns.topic]
    for name in asked:
        if name and name not in names:
            raise CorpusError(f"{source} has no column “{name:.80}”: it has {_listed(names)}.")
    if columns.anchor == columns.positive:
        raise CorpusError(f"{source}: anchor and positive are both “{columns.anchor:.80}”: name "
                          "two columns.")
    if {columns.anchor, columns.positive} & set(columns.negatives):
        raise CorpusError(f"{source}: a column of negatives cannot be that of the anchor or the "
                          "positive: name another.")
    if columns.least_score is not None and not columns.score:
        raise CorpusError(f"{source}: a least score needs the column of the score: name it.")


def no_columns(names: Sequence[str], source: str) -> CorpusError:
    """What to say where no column is known to hold the question, or the answer."""
    lacking = ANCHOR_NAMES if not _called(names, "anchor") else POSITIVE_NAMES
    return CorpusError(
        f"{source} has no {' or '.join(lacking)}: it has {_listed(names)}. If it holds pairs, "
        f"{HOW_TO_NAME}."
    )


def _called(names: Sequence[str], role: str) -> str:
    return first_called(names, ALIASES[role])


@lru_cache(1024)
def _compact(name: str) -> str:
    """A name without case, accents, spaces and signs: “Réponse_1” and “reponse 1” are one."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(mark for mark in plain if mark.isalnum())


def _by_values(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], taken: set[str], anchor: str,
    positive: str,
) -> tuple[str, str]:
    """Anchor and positive as the texts have it: questions are shorter and end in a mark."""
    looks: dict[str, tuple[float, float]] = {}
    for name in names:
        texts = [text for row in rows if isinstance(text := row.get(name), str) and text.strip()]
        words = [text for text in texts if any(mark.isalpha() for mark in text)]
        if name not in taken and words and 2 * len(words) > len(texts):
            asking = sum(text.rstrip().endswith(("?", "？", "؟")) for text in words) / len(words)
            looks[name] = (asking, sum(map(len, words)) / len(words))
    if not anchor:
        others = [name for name in looks if name != positive]
        anchor = min(others, key=lambda name: (-round(looks[name][0], 1), looks[name][1]),
                     default="")
    if not positive:
        others = [name for name in looks if name != anchor]
        positive = max(others, key=lambda name: looks[name][1], default="")
    return anchor, positive


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(shortened(str(name)) for name in names[:20]) or 'no columns':.300}"
