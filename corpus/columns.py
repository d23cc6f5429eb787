"""Which column of a table holds what."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .labels import counted, is_unclear, labels_of, may_be_labels
from .names import (
    ALIASES,
    ANCHOR_NAMES,
    LABELS,
    NEGATIVE,
    POSITIVE_NAMES,
    compact,
    first_called,
    language_of,
    ranked,
)
from .records import CorpusError
from .text import listed, shortened

FOR_EXTRA = ("text", "passage", "document", "content", "body", "chunk", "paragraph", "context",
             "positive", "answer", "description", "doc", "dokument", "inhalt", "absatz")
TITLES = ("title", "titel", "heading", "name", "headline", "titre", "titulo", "titolo")
EXAMPLE = ("make a row of each question with what answers it, such as {\"question\": \"How long is "
           "the warranty?\", \"answer\": \"Two years.\"}.")
MOSTLY = 0.5
"""Share of the rows in which a column must hold something to be believed by its name."""
ASKING_BESIDE_ANSWERS = (*TITLES, "text", "texts", "examples", "phrases", "samples", "utterance")
"""What a column of questions may be called where another surely holds the answers."""
SHORT = 80
"""Characters that answers have at most, on average, to be spans of the passages beside them."""
MUCH_SHORTER = 0.4
PASSAGES = ("passage", "passages", "context", "contexts", "document", "paragraph", "positivectxs",
            "ctxs", "positivepassages", "chunk", "story")
HOW_TO_NAME = ("say which column is which with --anchor and --positive (python -m corpus convert), "
               "or in the Fine-tune tab")


@dataclass(frozen=True)
class Columns:
    """The columns of a pair table, by what they hold.

    negatives: columns of passages that do not answer. score: how well the positive answers (rows
    below `least_score` are left out), or a label that says whether it does.
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
    """Which columns hold what, as far as can be told.

    certain: names and values agree on it. notes: why a column of a usual name was not taken, and
    what else there is to say.
    """

    columns: Columns
    certain: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What the first rows hold in a column.

    filled: share of the rows with something in it. numbers: it holds values that are no texts;
    kind: what they are. length: characters of a text, on average. asking: share of the texts that
    end in a question mark.
    """

    rows: int
    filled: float
    numbers: bool
    kind: str
    lists: bool
    length: float
    asking: float

    @classmethod
    def of(cls, name: str, rows: Sequence[Mapping[str, Any]]) -> "Evidence":
        """What some rows hold under a name."""
        values = [value for row in rows if not _is_empty(value := row.get(name))]
        texts = [text for value in values for text in _texts(value)]
        words = [text for text in texts if any(mark.isalpha() for mark in text)]
        asking = sum(text.rstrip().endswith(("?", "？", "؟")) for text in words)
        return cls(len(rows), len(values) / len(rows) if rows else 1.0,
                   bool(values) and 2 * len(words) <= len(values), _kind(values),
                   any(isinstance(value, list) for value in values),
                   sum(map(len, words)) / len(words) if words else 0.0,
                   asking / len(words) if words else 0.0)

    @property
    def credible(self) -> bool:
        """Whether a column can hold questions, or answers.

        Whatever it is called.
        """
        return self.filled >= MOSTLY and not self.numbers


def guess_columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]] = ()) -> Guess | None:
    """Guess the columns of a table of pairs.

    By their names and what the first rows hold under them. A usual name whose column is mostly
    empty, of numbers, or of short spans beside passages does not win by its name. None where there
    are no two columns that can be question and answer.
    """
    seen = {name: Evidence.of(name, rows) for name in names}
    negatives = tuple(name for name in names if NEGATIVE.fullmatch(compact(name)))
    score, notes = _score(names, rows)
    topic = first_called(names, ALIASES["topic"])
    taken = {*negatives, score, topic}
    anchors, positives = (
        [name for name in ranked(names, role) if name not in {*negatives, score}]
        for role in ("anchor", "positive"))
    believed = ([name for name in anchors if seen[name].credible],
                [name for name in _without_spans(positives, seen) if seen[name].credible])
    anchor, positive = _one_language(*believed)
    if positive and not anchor and _answers(positive):
        anchor = next((name for name in names if first_called([name], ASKING_BESIDE_ANSWERS)
                       and seen[name].credible and name not in taken and name != positive), "")
    certain = bool(anchor and positive)
    if not certain:
        anchor, positive = _by_values(seen, taken, anchor, positive)
    if not anchor or not positive:
        anchor, positive = _by_name_alone(anchors, positives, anchor, positive)
        certain = bool(anchor and positive)
    if not anchor or not positive:
        return None
    unclear = next((name for name in names if name != score and is_unclear(
        name, [row.get(name) for row in rows])), "")
    if unclear and unclear not in (anchor, positive):
        certain = False
        notes = [*notes, f"Which values of “{shortened(unclear, 40)}” mean that a row is a pair "
                 f"cannot be told: {counted(row.get(unclear) for row in rows)} in the first "
                 f"{len(rows):,} rows. Choose it as the score, with the least that makes a pair."]
    elif not score:
        notes = [*notes, *_like_labels(names, rows, {anchor, positive, topic, *negatives})]
    notes = [*_passed_over(seen, anchor, positive, anchors, positives, taken), *notes]
    return Guess(Columns(anchor, positive, negatives, score, topic=topic if topic not in (
        anchor, positive) else ""), certain, tuple(notes))


def _like_labels(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], taken: set[str]
) -> list[str]:
    """What to say of columns that may be labels, though not which values mean a pair."""
    return [f"“{shortened(name, 40)}” may say which rows are pairs "
            f"({counted(row.get(name) for row in rows)} in the first {len(rows):,} rows), which "
            "cannot be told from it: every row counts as a pair. If it does, choose it as the "
            "score, or leave the other rows out."
            for name in names if name not in taken
            and may_be_labels(name, [row.get(name) for row in rows])]


def _score(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, list[str]]:
    """The column of a label, or else of a score."""
    label = label_column(names, rows)
    if label:
        return label, []
    score = first_called(names, ALIASES["score"])
    if score and rows and not all(_is_number(row.get(score)) for row in rows
                                  if not _is_empty(row.get(score))):
        score = ""
    return score, []


def label_column(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """The column that says whether rows are pairs.

    By its name and values; empty for none.
    """
    for name in sorted(names, key=lambda name: _place_of_label(name)):
        if _place_of_label(name) < len(LABELS) and labels_of(
                name, [row.get(name) for row in rows], names):
            return name
    return ""


def _place_of_label(name: str) -> int:
    plain = compact(name) if len(name) <= 80 else ""
    return LABELS.index(plain) if plain in LABELS else len(LABELS)


def _without_spans(positives: Sequence[str], seen: Mapping[str, Evidence]) -> list[str]:
    """Names of answers without those whose texts are spans of the passages beside them."""
    passages = [seen[name].length for name in positives
                if compact(name) in PASSAGES and seen[name].credible]
    longest = max(passages, default=0.0)
    kept = [name for name in positives
            if not (0 < seen[name].length <= min(SHORT, MUCH_SHORTER * longest))]
    return kept or list(positives)


def _one_language(anchors: Sequence[str], positives: Sequence[str]) -> tuple[str, str]:
    """The first question and answer of one language; the first of each where none is shared."""
    for anchor in anchors:
        for positive in positives:
            if positive != anchor and language_of(anchor) == language_of(positive):
                return anchor, positive
    anchor = next(iter(anchors), "")
    return anchor, next((name for name in positives if name != anchor), "")


def _answers(name: str) -> bool:
    """Whether a name says answer, and not merely text."""
    return any(word in compact(name) for word in ("answer", "respon", "antwort", "reply", "svar",
                                                  "respuesta", "reponse", "risposta", "resposta"))


def _by_name_alone(
    anchors: Sequence[str], positives: Sequence[str], anchor: str, positive: str
) -> tuple[str, str]:
    """What the names say, where what the columns hold speaks for no other."""
    anchor = anchor or next((name for name in anchors if name != positive), "")
    return anchor, positive or next((name for name in positives if name != anchor), "")


def _passed_over(
    seen: Mapping[str, Evidence], anchor: str, positive: str, anchors: Sequence[str],
    positives: Sequence[str], taken: set[str],
) -> list[str]:
    """Why columns of usual names were not taken."""
    notes = []
    spans = set(positives) - set(_without_spans(positives, seen))
    for name in dict.fromkeys([*positives, *anchors]):
        found = seen[name]
        if name in (anchor, positive) or name in taken or not found.rows:
            continue
        said = f"“{shortened(name, 40)}”"
        if found.filled < MOSTLY:
            notes.append(f"{said} is not used: it is empty in {1 - found.filled:.0%} of the first "
                         f"{found.rows:,} rows.")
        elif name in spans:
            notes.append(f"{said} is not used: its texts are short spans (on average "
                         f"{found.length:.0f} characters) beside the passages of “{positive}”.")
        elif found.numbers:
            notes.append(f"{said} is not used: it holds {found.kind}.")
        elif (tongue := language_of(name)) and tongue != language_of(anchor):
            notes.append(f"{said} is not used: it is in another language than “{anchor}”. Choose "
                         "its columns to bring it by itself.")
    return notes


def check_columns(
    columns: Columns, names: Sequence[str], source: str, sparse: bool = False
) -> None:
    """Refuse columns that a table has not.

    CorpusError names those it has. sparse: a row need not have all of them, so that others than
    anchor and positive may turn up.
    """
    asked = [columns.anchor, columns.positive]
    if not sparse:
        asked += [*columns.negatives, columns.score, columns.topic]
    for name in asked:
        if name and name not in names:
            raise CorpusError(f"{source} has no column “{name:.80}”: it has {_all_of(names)}.")
    if columns.anchor == columns.positive:
        raise CorpusError(f"{source}: anchor and positive are both “{columns.anchor:.80}”: name "
                          "two columns.")
    if {columns.anchor, columns.positive} & set(columns.negatives):
        raise CorpusError(f"{source}: a column of negatives cannot be that of the anchor or the "
                          "positive: name another.")
    if columns.least_score is not None and not columns.score:
        raise CorpusError(f"{source}: a least score needs the column of the score: name it.")


def no_columns(
    names: Sequence[str], source: str, notes: Sequence[str] = (), hopeless: bool = False
) -> CorpusError:
    """A sentence for a table without question or answer column.

    notes: why columns of usual names were passed over. hopeless: no two columns can be both, so
    that it does not help to name them.
    """
    anchors = ranked(names, "anchor")
    lacking = POSITIVE_NAMES if anchors else ANCHOR_NAMES
    lacks = f"{source} has no {' or '.join(lacking)}: it has {_all_of(names)}"
    if len(names) < 2:
        return CorpusError(f"{lacks} alone, and a pair takes two: {EXAMPLE}")
    if hopeless:
        return CorpusError(f"{lacks}, of which no two look like question and answer: {EXAMPLE}")
    if anchors and ranked(names, "positive") and notes:
        return CorpusError(f"{source}: {notes[0]} Else {HOW_TO_NAME}.")
    return CorpusError(f"{lacks}. If it holds pairs, {HOW_TO_NAME}.")


def _by_values(
    seen: Mapping[str, Evidence], taken: set[str], anchor: str, positive: str
) -> tuple[str, str]:
    """Anchor and positive as the texts have it: questions are shorter and end in a mark."""
    looks = {name: found for name, found in seen.items()
             if name not in taken and found.rows and not found.numbers and not found.lists
             and found.length and found.filled >= MOSTLY}
    if not anchor:
        others = [name for name in looks if name != positive]
        anchor = min(others, key=lambda name: (-round(looks[name].asking, 1), looks[name].length),
                     default="")
    if not positive:
        others = [name for name in looks if name != anchor]
        positive = max(others, key=lambda name: looks[name].length, default="")
    return anchor, positive


def _kind(values: Sequence[object]) -> str:
    """What values are that hold no text."""
    holding = [value for value in values if isinstance(value, Mapping) or isinstance(
        value, list) and any(isinstance(item, Mapping | list) for item in value)]
    return "objects whose texts are not known" if 2 * len(holding) > len(values) else "numbers"


def _texts(value: object) -> list[str]:
    """The texts of a value: its own, or those of a list, or of a passage with a title."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text] if isinstance(text := value.get("text"), str) else []
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def _is_empty(value: object) -> bool:
    return value is None or value in ([], {}) or isinstance(value, str) and not value.strip()


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().replace(",", ".").lstrip("-").replace(".", "", 1).isdigit()
    return isinstance(value, int | float)


def _all_of(names: Sequence[str]) -> str:
    return f"{listed(names) or 'no columns':.300}"
