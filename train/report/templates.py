"""Templates of card and report, with their style sheet.

They share it with the page.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template

HERE = Path(__file__).parent


def template(name: str) -> "Template":
    """A template of report or card, by file name.

    What is put into `.html.j2` is escaped. A name that a template asks for and does not get is an
    error, never an empty place.
    """
    return _environment().get_template(name)


@cache
def stylesheet(name: str) -> str:
    """A style sheet of the report.

    `style.css` is the page's too.
    """
    return (HERE / name).read_text("utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # with gradio, and with torch

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": "{:,}".format, "figure": "{:.4f}".format}
    return environment
