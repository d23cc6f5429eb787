"""A model card as it is previewed."""

import re

PLAIN = ("a", "b", "blockquote", "br", "code", "dd", "details", "dl", "dt", "em", "hr", "i", "kbd",
         "li", "ol", "p", "pre", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th",
         "thead", "tr", "ul")
"""Tags that are drawn, where they have no attributes."""
TAG = re.compile(rf"<(?!/?(?:{'|'.join(PLAIN)})\s*/?>)(?=[a-zA-Z/!?])")
IMAGE = re.compile(r"!\[")


def previewed(card: str) -> str:
    """The Markdown of a card, in which nothing acts.

    Forms, media, images and whatever has attributes stand there as text; so they do in its code,
    since where code ends depends on who reads it.
    """
    return IMAGE.sub(r"!\\[", TAG.sub("&lt;", card))
