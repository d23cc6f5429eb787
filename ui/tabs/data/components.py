"""Components of the data section, and their columns' roles."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

NONE = ("– none –", "")


@dataclass(frozen=True)
class Roles:
    """The boxes that say which column holds what.

    In the order the handlers take them.
    """

    anchor: gr.Dropdown
    positive: gr.Dropdown
    negatives: gr.Dropdown
    score: gr.Dropdown
    least: gr.Number
    topic: gr.Dropdown
    options: gr.CheckboxGroup

    @property
    def all(self) -> list[Any]:
        """Those of the columns."""
        return [self.anchor, self.positive, self.negatives, self.score, self.least, self.topic]


@dataclass(frozen=True)
class Parts:
    """The components of the section.

    data: the name of the data that is chosen; mine: of that which was brought last. brought: what
    was brought, as JSON; extra: the file of more passages; boxes: what the boxes for columns are to
    be filled with, as JSON; begin: changes when the page begins with a check.
    """

    source: gr.Radio
    data: gr.Textbox
    mine: gr.Textbox
    brought: gr.Textbox
    extra: gr.Textbox
    boxes: gr.Textbox
    begin: gr.Textbox
    file: gr.File
    hub: gr.Textbox
    hub_look: gr.Button
    config: gr.Dropdown
    split: gr.Dropdown
    sheet: gr.Dropdown
    more: gr.File
    more_said: gr.HTML
    more_out: gr.Button
    found: gr.HTML
    said: gr.HTML
    roles: Roles
    swap: gr.Button
    use: gr.Button
    progress: gr.HTML
    cancel: gr.Button
    check: gr.HTML
    stop: gr.Button
    again: gr.Button
    compare: gr.Button

    @property
    def joining(self) -> list[Any]:
        """What says which passages join."""
        return [self.extra, self.more_said, self.more_out]
