"""Conversations as pairs: questions and the answers after them.

As models are tuned with them: ChatML, ShareGPT, preferences, and transcripts in one text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from corpus.columns import Columns
from corpus.names import compact, names_pair
from corpus.readers.rows import NoAnswerError, OnBadRow, Row
from corpus.text import shortened

from .layout import Fields, Layout, names_of, plain_of

ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "rolle", "rol", "ruolo")
CONTENT_KEYS = ("content", "value", "text", "message", "parts", "utterance", "inhalt", "contenido",
                "contenu", "contenuto", "nachricht")
WRAPPERS = ("messages", "conversation", "conversations", "dialog", "dialogue", "turns", "contents",
            "chat", "input")
"""Where an object holds a conversation: OpenAI's batches have it in `body`, under `messages`."""
TALKS = ("dialog", "dialogs", "dialogue", "dialogues", "conversation", "conversations", "turns",
         "chat", "utterances")
"""What a list of texts is called that two sides say in turn."""
IDEAL = ("ideal", "reference", "expectedoutput", "completion", "response", "output", "answer",
         "groundtruth", "label")
"""What stands beside messages that end with the user's: OpenAI's evals, RAGAS."""
USERS = {"user", "human", "prompter", "customer", "client", "person", "question", "usr",
         "instruction", "nutzer", "benutzer", "kunde", "utilisateur", "usuario", "cliente",
         "utente"}
ASSISTANTS = {"assistant", "gpt", "bot", "model", "chatgpt", "ai", "agent", "chatbot", "support",
              "answer", "bing", "bard", "sys_bot", "claude", "llm", "response", "assistent",
              "asistente", "assistente", "berater"}
ENOUGH = 0.5
"""Share of the rows that must hold a conversation."""
SPEAKER = re.compile(r"(?:\A|\n\s*|(?=###))(?:###\s*)?"
                     r"(Human|User|Assistant|AI|Bot|Instruction|Response)\s*:\s*")
"""“Human: …”, as preference data has it; “### Human: …”, “### Instruction: …” of templates."""
MARKED = re.compile(r"<\|im_start\|>(\w+)\n|<\|(user|assistant|system)\|>\s*")
ENDING = re.compile(r"<\|(?:im_end|end|eot_id|endoftext)\|>|</?s>")
INSTRUCTED = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=</s>|\[INST\]|\Z)", re.DOTALL)
NOTE = ("It is read as conversations (“{name}”, as ChatML or ShareGPT has them): each user turn is "
        "a question, the assistant's turn after it its answer. Other turns (system, tools) are not "
        "used, and a later turn stands without the earlier ones.")

Said = list[tuple[str, str]]
"""Who says what: role and text of each message."""


class _Parts(NamedTuple):
    """The columns of a conversation."""

    name: str
    before: str = ""
    rejected: str = ""
    ideal: str = ""


def conversations(first: Sequence[Fields]) -> Layout | None:
    """ChatML, ShareGPT and their like."""
    parts = _parts_of(first)
    if parts is None:
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        others = plain_of(fields, *filter(None, parts))
        said = _said(fields, parts)
        found = turns(said)
        if parts.ideal and said and said[-1][0] in USERS:
            found.append((said[-1][1], fields.get(parts.ideal)))
        if not found:
            on_bad_row(NoAnswerError(f"{where}: no user turn of {parts.name} has an assistant's "
                                     "after it"))
        worse = _last_answer(fields.get(parts.rejected), parts.rejected) if parts.rejected else ""
        for number, (question, answer) in enumerate(found, 1):
            place = where if len(found) == 1 else f"{where} turn {number}"
            row = {**others, "question": question, "answer": answer}
            yield place, row | {"rejected": worse} if worse and number == len(found) else row

    note = NOTE.format(name=shortened(parts.name, 40))
    if parts.rejected:
        note += f" The last answer of “{shortened(parts.rejected, 40)}” is a hard negative."
    if parts.ideal:
        note += f" “{shortened(parts.ideal, 40)}” answers a user's turn that is the last."
    return Layout("conversations", note, expand, Columns(
        "question", "answer", ("rejected",) if parts.rejected else ()))


def _parts_of(first: Sequence[Fields]) -> _Parts | None:
    """The columns of the conversations that some rows hold, if they do."""
    names = names_of(first)
    columns = [name for name in names if _is_conversations(first, name, names)]
    if "chosen" in columns:
        return _Parts("chosen", "prompt" if "prompt" in names else "",
                      "rejected" if "rejected" in columns else "")
    if {"prompt", "completion"} <= set(columns):
        return _Parts("completion", "prompt")
    if not columns:
        return None
    name = columns[0]
    ends = [said[-1][0] for fields in first if (said := messages_of(fields.get(name), name))]
    asked = 2 * sum(role in USERS for role in ends) > len(ends)
    ideal = next((other for wanted in IDEAL for other in names
                  if other not in columns and compact(other) == wanted), "") if asked else ""
    return _Parts(name, ideal=ideal)


def _is_conversations(first: Sequence[Fields], name: str, names: Sequence[str]) -> bool:
    """Whether a column holds conversations; texts do where nothing else is a pair."""
    found = 0
    for fields in first:
        value = fields.get(name)
        if isinstance(value, str) and name != "chosen" and names_pair(names):
            continue
        said = messages_of(value, name)
        roles = {role for role, _ in said}
        found += bool(roles & USERS and roles & ASSISTANTS if isinstance(value, str)
                      else roles & (USERS | ASSISTANTS))
    return found > 0 and found >= ENOUGH * len(first)


def _said(fields: Fields, parts: _Parts) -> Said:
    said = messages_of(fields.get(parts.name), parts.name)
    if not parts.before or said and said[0][0] not in ASSISTANTS:
        return said
    before = fields.get(parts.before)
    return ([("user", before)] if isinstance(before, str) else messages_of(before)) + said


def turns(said: Said) -> list[tuple[str, Any]]:
    """Each text of the user with the assistant's after it.

    Turns of one side in a row are one.
    """
    sides: list[tuple[bool, list[str]]] = []
    for role, text in said:
        if role in USERS | ASSISTANTS:
            is_user = role in USERS
            if sides and sides[-1][0] == is_user:
                sides[-1][1].append(text)
            else:
                sides.append((is_user, [text]))
    return [("\n".join(asked), "\n".join(answered))
            for (is_user, asked), (_, answered) in zip(sides, sides[1:], strict=False) if is_user]


def _last_answer(conversation: object, name: str) -> str:
    said = messages_of(conversation, name)
    return said[-1][1] if said and said[-1][0] in ASSISTANTS else ""


def messages_of(value: object, name: str = "", depth: int = 0) -> Said:
    """The messages of a conversation, however it is written.

    Those without text are left out. name: of the column; one of `TALKS` may be a list of texts.
    """
    if isinstance(value, str):
        return _transcript(value)
    if isinstance(value, Mapping):
        lists = [part for keys in (ROLE_KEYS, CONTENT_KEYS) for key in keys
                 if isinstance(part := value.get(key), list)]
        if len(lists) == 2 and not any(isinstance(part, Mapping) for part in lists[0]):
            return _spoken(zip(*lists, strict=False))
        inner = next((key for key in (*WRAPPERS, "body") if key in value), "")
        return messages_of(value[inner], inner, depth + 1) if inner and depth < 3 else []
    if not isinstance(value, list):
        return []
    if compact(name) in TALKS and len(value) > 1 and all(isinstance(part, str) for part in value):
        return _spoken(("assistant" if number % 2 else "user", text)
                       for number, text in enumerate(value))
    return _spoken(part for message in value if isinstance(message, Mapping)
                   for part in _of_message(message))


def _of_message(message: Mapping[str, Any]) -> list[tuple[object, object]]:
    """Role and text of a message; of `{"human": …, "assistant": …}` both of them."""
    role = next((message[key] for key in ROLE_KEYS if isinstance(message.get(key), str)), None)
    if role is None and names_pair(list(message)):
        return []  # a row of a group of pairs
    if role is None:
        return [(key, text) for key, text in message.items()
                if str(key).lower() in USERS | ASSISTANTS and isinstance(text, str)]
    return [(role, next((message[key] for key in CONTENT_KEYS if message.get(key)), ""))]


def _spoken(parts: Any) -> Said:
    """Roles and texts as words, without messages that have no text."""
    return [(str(role).strip().lower(), text) for role, content in parts
            if (text := _content(content)).strip()]


def _content(value: object) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else []
    return "\n".join(part if isinstance(part, str) else str(part.get("text") or "")
                     for part in parts if isinstance(part, str | Mapping))


def _transcript(text: str) -> Said:
    """The messages of a text that says who speaks, as prompt templates write them."""
    if found := INSTRUCTED.findall(text):
        return [part for asked, answered in found for part in (
            ("user", _plain(asked)), ("assistant", _plain(answered))) if part[1]]
    for pattern in (MARKED, SPEAKER):
        marks = list(pattern.finditer(text))
        if len(marks) > 1:
            ends = [mark.start() for mark in marks[1:]] + [len(text)]
            return [(role.lower(), said) for mark, end in zip(marks, ends, strict=True)
                    if (role := next(filter(None, mark.groups()), ""))
                    and (said := _plain(text[mark.end() : end]))]
    return []


def _plain(text: str) -> str:
    return ENDING.sub("", text).strip()
