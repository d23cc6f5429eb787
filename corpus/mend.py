"""Texts that were spoiled on their way here: HTML tags, and UTF-8 read as something else."""

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

TAG = re.compile(r"</?(?:p|br|div|span|a|ul|ol|li|strong|em|b|i|u|h[1-6]|pre|code|table|thead|"
                 r"tbody|tr|td|th|img|blockquote|hr|script|style|font|center|section|article|sup|sub)"
                 r"(?:\s[^<>]*)?/?>", re.IGNORECASE)
CLOSING = re.compile(r"</[a-z][a-z0-9]*\s*>|<(?:br|hr|p|img)\b[^<>]*>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[0-9a-f]{1,5}|[a-z]{4,8});",
                    re.IGNORECASE)
BLOCKS = frozenset("p br div ul ol li h1 h2 h3 h4 h5 h6 pre table tr blockquote hr section "
                   "article".split())
HIDDEN = frozenset(("script", "style", "head", "template"))
Mend = Callable[[str], str]


def has_html(text: str) -> bool:
    """Whether a text holds tags that are closed, or several entities."""
    return bool("<" in text and TAG.search(text) and CLOSING.search(text)) or (
        "&" in text and len(ENTITY.findall(text)) > 1)


def strip_html(text: str) -> str:
    """A text without its tags; blocks part lines, entities are the characters they stand for."""
    if not has_html(text):
        return text
    parser = _Plain()
    parser.feed(text)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.pieces).split("\n"))
    return "\n".join(line for line in lines if line)


class _Plain(HTMLParser):
    """Gathers the text of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """A block begins a line; what is hidden is left out."""
        self._hidden += tag in HIDDEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        """A block ends a line."""
        self._hidden -= tag in HIDDEN and self._hidden > 0
        self._part(tag)

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if not self._hidden:
            self.pieces.append(unescape(data))

    def _part(self, tag: str) -> None:
        if tag in BLOCKS:
            self.pieces.append("\n")


def has_mojibake(text: str) -> bool:
    """Whether a text is UTF-8 that was read in another encoding (“Ã¼” for “ü”)."""
    return not text.isascii() and fix_mojibake(text) != text


def fix_mojibake(text: str) -> str:
    """A text with such characters as they were meant; any other text as it is."""
    if text.isascii():
        return text
    from ftfy import TextFixerConfig, fix_encoding

    return fix_encoding(text, TextFixerConfig(restore_byte_a0=True, replace_lossy_sequences=False))
