"""Conversations as pairs: questions and the answers after them.

As models are tuned with them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "value", "text", "message", "parts", "utterance")
USERS = {"user", "human", "prompter", "customer", "client", "person", "question", "usr"}
ASSISTANTS = {"assistant", "gpt", "bot", "model", "chatgpt", "ai", "agent", "chatbot", "support",
              "answer", "bing", "bard", "sys_bot", "claude", "llm"}
ENOUGH = 0.5
"""Share of the rows that must hold a conversation."""


def conversation_column(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> str:
    """The column that holds conversations; empty where none does."""
    for name in names:
        found = sum(_is_conversation(row.get(name)) for row in rows)
        if found and found >= ENOUGH * len(rows):
            return name
    return ""


def turns(conversation: object) -> list[tuple[str, str]]:
    """Each text of the user with the assistant's after it.

    Turns of one side in a row are one.
    """
    said: list[tuple[bool, list[str]]] = []
    for message in conversation if isinstance(conversation, list) else []:
        role, text = _role(message), _content(message)
        if text.strip() and role in USERS | ASSISTANTS:
            is_user = role in USERS
            if said and said[-1][0] == is_user:
                said[-1][1].append(text)
            else:
                said.append((is_user, [text]))
    return [("\n".join(asked), "\n".join(answered))
            for (is_user, asked), (_, answered) in zip(said, said[1:], strict=False) if is_user]


def _is_conversation(value: object) -> bool:
    return (isinstance(value, list) and bool(value)
            and all(isinstance(message, Mapping) for message in value)
            and any(_role(message) in USERS | ASSISTANTS for message in value)
            and any(_content(message) for message in value))


def _role(message: object) -> str:
    if not isinstance(message, Mapping):
        return ""
    return next((str(message[key]).strip().lower() for key in ROLE_KEYS
                 if isinstance(message.get(key), str)), "")


def _content(message: object) -> str:
    """The text of a message, which may come in parts."""
    if not isinstance(message, Mapping):
        return ""
    value = next((message[key] for key in CONTENT_KEYS if message.get(key)), "")
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else []
    return "\n".join(part if isinstance(part, str) else str(part.get("text") or "")
                     for part in parts if isinstance(part, str | Mapping))
