"""Hub tokens: this machine's own, and hiding any."""

import re

TOKEN = re.compile(r"(?<![A-Za-z0-9])(?:hf|api_org)_(?:oauth_|jwt_)?[A-Za-z0-9]{16,}(?:[._-]\w+)*")
"""What the Hub's tokens look like; `hf_hub_download` is none."""
HIDDEN = "(token)"


def hide_tokens(text: str, *known: str | None) -> str:
    """A text without Hub tokens, nor those that are known.

    For whatever is logged, recorded, printed or shown and was not written here.
    """
    for token in known:
        if token:
            text = text.replace(token, HIDDEN)
    return TOKEN.sub(HIDDEN, text)


def local_token() -> str | None:
    """The Hub token of this machine's owner.

    HF_TOKEN, or `hf auth login`; None without.
    """
    from huggingface_hub import get_token

    return get_token()
