"""Gradio's Blocks, with bounds and a sentence for each error."""

import logging
import secrets
import time
from typing import Any

import gradio as gr
from gradio.utils import run_coro_in_background

from .queue import BoundedQueue
from .requests import ID, REFUSED
from .sessions import keep_small
from .traces import passed_through, traced

log = logging.getLogger("tandem.requests")


READS_WHAT_IS_SENT = ("preprocess_data", "special_args")
"""Functions of Gradio that raise what they like at values they cannot read."""


class BoundedBlocks(gr.Blocks):
    """The page, whose events are bounded and logged.

    on_space: whether visitors are told apart by what a Space's proxy says.
    """

    def __init__(self, *arguments: Any, on_space: bool = False, **named: Any) -> None:
        keep_small()
        self.bounds = BoundedQueue(on_space)
        super().__init__(*arguments, **named)

    def queue(self, *arguments: Any, **named: Any) -> "BoundedBlocks":
        """Set up the queue, whose events pass our bounds first."""
        super().queue(*arguments, **named)
        self.bounds.attach(self)
        return self

    def run_startup_events(self) -> None:
        """Start the queue, and what drops answers that nobody fetches."""
        super().run_startup_events()
        run_coro_in_background(self.bounds.keep_sweeping)

    async def preprocess_data(self, block_fn: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        """Read what was sent; no text is an empty one."""
        read = await super().preprocess_data(block_fn, inputs, *rest, **named)
        return ["" if value is None and isinstance(block, gr.Textbox) else value
                for block, value in zip(block_fn.inputs, read, strict=True)]

    async def process_api(
        self, block_fn: Any, inputs: Any, *rest: Any, **named: Any
    ) -> dict[str, Any]:
        """Run an event: with a line in the log, and a sentence for whatever goes wrong."""
        event, begun, how = _Event(self, block_fn, named), time.monotonic(), "done"
        try:
            return await super().process_api(block_fn, inputs, *rest, **named)
        except gr.Error as error:
            how = "refused"
            event.refused()
            error.print_exception = False
            raise
        except Exception as error:
            # It is not what Gradio can read, or it is done in the browser alone.
            if not event.is_ours or passed_through(error, *READS_WHAT_IS_SENT):
                how = "not understood"
                event.refused()
                raise gr.Error("These are not the values that this takes: see /gradio_api/info.",
                               print_exception=False) from None
            how = "failed"
            log.error("event %s failed: %s", event.id, traced(error))
            raise gr.Error(f"Something unforeseen went wrong (request {event.id}): try again, and "
                           "tell the owner of this Tandem if it stays so.",
                           print_exception=False) from None
        finally:
            event.log(how, time.monotonic() - begun)


class _Event:
    """One event of the page, or one call of an endpoint."""

    def __init__(self, blocks: gr.Blocks, block_fn: Any, named: dict[str, Any]) -> None:
        fn = blocks.fns.get(block_fn) if isinstance(block_fn, int) else block_fn
        self.name = str(getattr(fn, "api_name", None) or getattr(fn, "name", None) or "event")
        self.is_queued = bool(getattr(fn, "queue", True))
        self.is_ours = getattr(fn, "fn", None) is not None
        request = named.get("request")
        request = request[0] if isinstance(request, list) and request else request
        raw = getattr(request, "request", None)
        self.scope: dict[str, Any] = getattr(raw, "scope", None) or {}
        self.id = self.scope.get(ID) or secrets.token_hex(4)

    def refused(self) -> None:
        self.scope[REFUSED] = True

    def log(self, how: str, seconds: float) -> None:
        quiet = how == "done" and not self.is_queued  # the tick of each page, once a second
        log.log(logging.DEBUG if quiet else logging.INFO, "event %s %s %s %.3f s", self.id,
                self.name[:60], how, seconds)
