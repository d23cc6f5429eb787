"""Texts that hold HTML, as a reader sees them."""

import re
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


def has_html(text: str) -> bool:
    """Whether a text holds HTML.

    Tags that are closed, or several entities.
    """
    return bool("<" in text and TAG.search(text) and CLOSING.search(text)) or (
        "&" in text and len(ENTITY.findall(text)) > 1)


def strip_html(text: str) -> str:
    """A text without its tags.

    Blocks part lines, entities are the characters they stand for.
    """
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
        """A block begins a line.

        What is hidden is left out.
        """
        self._hidden += tag in HIDDEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        """A block ends a line."""
        self._hidden -= tag in HIDDEN and self._hidden > 0
        self._part(tag)

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if not self._hidden:
            self.pieces.append(data)

    def _part(self, tag: str) -> None:
        if tag in BLOCKS:
            self.pieces.append("\n")
