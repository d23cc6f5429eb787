"""Look and behaviour of the page.

The system's own fonts, nothing fetched, both schemes.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from train.report.templates import stylesheet

STATIC = Path(__file__).parent / "static"
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def look() -> dict[str, Any]:
    """Theme, styles and script of the page for `launch`."""
    css = stylesheet("style.css") + (STATIC / "tandem.css").read_text("utf-8")
    script = (STATIC / "tandem.js").read_text("utf-8")
    return {"theme": theme(), "css": css, "head": f"<script>{script}</script>"}


def theme() -> gr.themes.Base:
    """Gradio's base theme with our accent.

    A blue dark enough for white letters.
    """
    return gr.themes.Base(primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=MONO).set(
        button_primary_background_fill="var(--t-fill)",
        button_primary_background_fill_hover="var(--t-fill-hover)",
        button_primary_background_fill_dark="var(--t-fill)",
        button_primary_background_fill_hover_dark="var(--t-fill-hover)",
        button_primary_text_color="var(--t-on-fill)",
        button_primary_text_color_dark="var(--t-on-fill)",
        block_label_text_color="var(--t-soft)",
        block_label_text_color_dark="var(--t-soft)",
        block_info_text_color="var(--t-soft)",
        block_info_text_color_dark="var(--t-soft)",
        input_placeholder_color="var(--t-soft)",
        input_placeholder_color_dark="var(--t-soft)",
    )
