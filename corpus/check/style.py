"""Figures on how a corpus is written.

Lengths, wording in common, patterns, what it covers.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from corpus.records import Corpus
from corpus.text import content_words, folded, is_content, shortened, stem

from .tokens import LONGEST, TokenCounts

PATTERN_WORDS = 4
NUMBER = "#"
NAME = "@"
PUNCTUATION = " \t\n.,;:!?…\"'“”‘’()[]{}<>*–—-"
MOST_NAMED, NAMED_LENGTH = 10_000, 2_000
"""Texts that names are looked for in at most, spread over all, and characters of each."""
MOST_KINDS = 50
"""Topics, model lines and sources that are listed at most: the commonest."""


def writing(corpus: Corpus, tokens: TokenCounts) -> dict[str, Any]:
    """Figures on how queries and passages are written.

    For JSON. Shares are between 0 and 1; one that cannot be had, of nothing, is null.
    """
    relevant = _relevant(corpus)
    asked = Counter(passage_id for ids in relevant.values() for passage_id in ids)
    questions = [query.text for query in corpus.queries.values()]
    passages = [passage.text for passage in corpus.passages]
    names = known_names(questions + passages)
    few = sum(shared <= 1 for shared in shared_words(corpus, relevant))
    few_else = sum(shared <= 1 for shared in shared_words(corpus, relevant, names))
    return {
        "tokens": {
            "counted_by": tokens.counted_by,
            "questions": _spread(tokens.queries),
            "passages": _spread(tokens.texts),
            "passages_with_title": _spread(tokens.contents),
        },
        "at_most_one_shared_word": _share(few, len(relevant)),
        "at_most_one_shared_word_beside_names": _share(few_else, len(relevant)),
        "commonest_pattern": {
            "questions": _commonest(questions, names),
            "passages": _commonest(passages, names),
        },
        "distinct_passages": len({folded(passage.content) for passage in corpus.passages}),
        "passages_with_several_questions": _share(
            sum(questions > 1 for questions in asked.values()), len(corpus.passages)
        ),
        "questions_with_several_passages": sum(len(ids) > 1 for ids in relevant.values()),
        "by_topic": _counts(passage.topic for passage in corpus.passages),
        "by_model_line": _counts(passage.model_line for passage in corpus.passages),
        "by_source": _counts(
            source for passage in corpus.passages for source in passage.source.split(",")
        ),
    }


def shared_words(
    corpus: Corpus, relevant: Mapping[str, set[str]], names: frozenset[str] | None = None
) -> Iterable[int]:
    """For each judged question.

    The content words it shares with a passage that answers it. Title and text count; of several
    relevant passages, the one that shares the most. With `names`, these and words with a digit
    ("991.2", "2019") do not count: both sides must say which car is meant.
    """
    named = frozenset(map(stem, names or ()))

    def words(text: str) -> set[str]:
        found = set(content_words(text[:LONGEST]))
        return found if names is None else {
            word for word in found - named if not any(map(str.isdigit, word))
        }

    for query_id, passage_ids in relevant.items():
        asked = words(corpus.queries[query_id].text)
        yield max(
            len(asked & words(corpus.passage[passage_id].content)) for passage_id in passage_ids
        )


def sentence_pattern(text: str, names: frozenset[str]) -> str:
    """How a text opens.

    Its first four words, with what varies from car to car taken out. A word without letters but
    with digits ("2,480") becomes `#`. Any other word with a digit ("991.1-series", "C2S") and a
    known name ("Cayenne") becomes `@`. Case and punctuation at the ends of a word do not count, nor
    does a possessive 's.
    """
    words = islice(_words(text[: 100 * PATTERN_WORDS]), PATTERN_WORDS)
    return " ".join(_masked(word, names) for word in words)


def known_names(texts: Iterable[str]) -> frozenset[str]:
    """Words that are names, by their capitals within sentences.

    Written with one at least as often as without. Of many texts, those that stand at even distances
    are looked at, `MOST_NAMED` at most.
    """
    texts = list(texts)
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for text in texts[:: -(-len(texts) // MOST_NAMED) or 1]:
        before = "."
        for piece in text[:NAMED_LENGTH].split():
            word = piece.strip(PUNCTUATION)
            if word[:1].islower():
                small[_bare(word)] += 1
            elif word[:1].isupper() and before[-1] not in ".!?:" and is_content(word):
                capital[_bare(word)] += 1
            before = piece
    return frozenset(word for word, times in capital.items() if times >= small[word])


def _masked(word: str, names: frozenset[str]) -> str:
    if any(map(str.isdigit, word)):
        return NAME if any(map(str.isalpha, word)) else NUMBER
    bare = _bare(word)
    return NAME if bare in names else bare


def _words(text: str) -> Iterator[str]:
    return (word for piece in text.split() if (word := piece.strip(PUNCTUATION)))


def _bare(word: str) -> str:
    return word.casefold().replace("’", "'").removesuffix("'s")


def _commonest(texts: Sequence[str], names: frozenset[str]) -> dict[str, Any] | None:
    patterns = Counter(sentence_pattern(text, names) for text in texts)
    if not patterns:
        return None
    pattern, times = patterns.most_common(1)[0]
    return {"pattern": shortened(pattern), "count": times, "share": _share(times, len(texts))}


def _relevant(corpus: Corpus) -> dict[str, set[str]]:
    relevant: dict[str, set[str]] = {}
    for split in corpus.qrels:
        for pair in corpus.pairs(split):
            relevant.setdefault(pair.query.id, set()).add(pair.passage.id)
    return relevant


def _spread(counts: Sequence[int]) -> dict[str, float] | None:
    if not counts:
        return None
    return {"min": min(counts), "mean": round(sum(counts) / len(counts), 1), "max": max(counts)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _counts(labels: Iterable[str]) -> dict[str, int]:
    counted = Counter(label.strip() for label in labels if label.strip())
    return {shortened(label): times for label, times in counted.most_common(MOST_KINDS)}
