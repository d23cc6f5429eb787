"""The Fine-tune tab: data, recipe, engine, what will happen.

Beside it, the run that is watched. The fields of a recipe, made from the rules it is checked by:
none is listed twice.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from retrieval.models import EMBEDDED_MODEL, LONGEST_PROMPT, PRESETS, preset_of
from retrieval.prompts import published_prompts
from train.engines.offers import TITLES, automatic
from train.folds.cost import with_folds
from train.recipe import RECIPES, RULES, Recipe
from train.run.files import sentence_of
from train.run.spec import RunSpec
from ui.auth import Visitor
from ui.html import data as data_html
from ui.html import elements
from ui.html.words import field_words, label_words, recipe_words
from ui.services.app import Services
from ui.services.estimate import PlanError, Planner, is_here, plan_key
from ui.services.importing import Importer
from ui.services.publishing import Publishing
from ui.services.runs import RunService, TrainForm
from ui.tabs.data.panel import data_panel
from ui.tabs.data.restore import BRING_FIRST, NO_DATA

from .run import run_panel
from .shared import HIDDEN, QUIET, Shared, read_back

FOLDS = 5
"""Folds of a cross-validation that the page offers; the command line takes any number."""


@dataclass(frozen=True)
class Form:
    """The components of the form, in order of values.

    The order `_asked` takes them in.
    """

    data: gr.Textbox
    recipe: gr.Radio
    base: gr.Dropdown
    engine: gr.Radio
    flavor: gr.Dropdown
    seed: gr.Number
    folds: gr.Checkbox
    prompts: list[gr.Textbox]
    texts: list[gr.Textbox]

    @property
    def inputs(self) -> list[Any]:
        """All of them."""
        return [self.data, self.recipe, self.base, self.engine, self.flavor, self.seed,
                *self.prompts, *self.texts, self.folds]


def finetune_tab(
    services: Services,
    service: RunService,
    importer: Importer,
    planner: Planner,
    publishing: Publishing,
    shared: Shared,
    tab: gr.Tab,
) -> None:
    """Build the tab inside the current Blocks."""
    with gr.Row(elem_id="finetune"):
        with gr.Column(scale=5, min_width=320):
            form, form_kept, data_chosen = _form(services, service, importer, shared, tab)
            plan = gr.HTML(data_html.note("Open this tab to see what will happen."),
                           js_on_load=None, elem_id="plan")
            with gr.Accordion("Publish it when it is done", open=False):
                to = gr.Textbox(label="Repository", placeholder="you/name-of-the-model",
                                info="Whether you may write there is asked before the run starts. "
                                "Leave it empty to decide later.", max_length=200,
                                elem_id="then-publish")
                private = gr.Checkbox(True, label="Private")
            start = gr.Button("Start the fine-tune", variant="primary", elem_id="start")
        with gr.Column(scale=6, min_width=320):
            run_panel(services, service, publishing, shared)
    # What is wrong is said at once; what must be measured comes after.
    key = gr.Textbox(visible="hidden")
    told = gr.Textbox(visible="hidden")
    planned = {"fn": _plan(services, service, planner), "inputs": [shared.nonce, *form.inputs],
               "outputs": told, **QUIET}
    for event in (
        gr.on([tab.select, *(field.change for field in form.inputs[1:])],
              trigger_mode="always_last", **planned),
        form.data.change(trigger_mode="multiple", **planned),  # the check is what is put off there
    ):
        event.then(_of_the_form, [told, *form.inputs], [plan, key, start], **QUIET)
    measured = gr.Textbox(visible="hidden")
    key.change(_measure(services, service, planner), [shared.nonce, key, *form.inputs], measured,
               trigger_mode="always_last", concurrency_limit=2, **HIDDEN).then(
        _still_asked, [measured, key], plan, **QUIET)
    start.click(_start(services, service, publishing), [shared.nonce, to, private, *form.inputs],
                [shared.watched, plan],
                concurrency_limit=4, api_visibility="private")
    # Kept when somebody types or chooses, never when the page fills the form by itself: what it
    # fills in while it loads would overwrite what is about to be restored, and that what is typed.
    for chosen in data_chosen:
        chosen.success(_kept, [shared.nonce, *form.inputs], form_kept, **QUIET)
    gr.on([field.input for field in form.inputs[1:]], _kept, [shared.nonce, *form.inputs],
          form_kept, **QUIET)


def _form(
    services: Services, service: RunService, importer: Importer, shared: Shared, tab: gr.Tab
) -> tuple[Form, gr.BrowserState, list[Any]]:
    """The form, where it is kept, and what tells that data was chosen."""
    panel = data_panel(services, importer, shared, tab)
    gr.Markdown("## 2 · Recipe")
    recipe = gr.Radio(recipe_choices(), value="tandem", show_label=False, label="Recipe",
                      elem_id="recipe")
    base = gr.Dropdown(
        _bases(services),
        value=services.settings.base_model,
        allow_custom_value=True,
        label="Base model",
        info="One of these, or any model of the Hub by its id (id@revision for one commit)"
             + _size_said(services) + ".",
        elem_id="base",
    )
    base_said = gr.HTML(js_on_load=None, elem_id="base-said")
    with gr.Accordion("Advanced: every hyperparameter", open=False):
        own_values = gr.HTML(data_html.recipe_values(values_of("tandem")), js_on_load=None,
                             elem_id="recipe-values")
        recipe.change(lambda name: data_html.recipe_values(values_of(name)), recipe, own_values,
                      trigger_mode="multiple", **QUIET)
        with gr.Row():
            prompts = [gr.Textbox(
                label=f"{side} prompt", max_length=LONGEST_PROMPT, min_width=180,
                placeholder="the model’s own", elem_id=f"{side}-prompt",
                info=f"What is put before a {side}; “none” for nothing.",
            ) for side in ("query", "passage")]
        seed = gr.Number(42, label=label_words("seed"), info="The same number gives the same run",
                         precision=0, minimum=0, maximum=2**31 - 1)
        texts = recipe_fields()
    gr.Markdown("## 3 · Where it runs")
    # All of them from the start: what a reload restores must be among the choices.
    engines = [(TITLES[name], name) for name in TITLES if name in services.queue.engines]
    engine = gr.Radio([("Automatic", "auto"), *engines], value="auto", show_label=False,
                      label="Engine", elem_id="engine")
    flavor = gr.Dropdown([], label="Machine", visible=False, elem_id="flavor")
    about = gr.HTML(js_on_load=None, elem_id="engine-note")
    gr.Markdown("## 4 · What will happen")
    folds = gr.Checkbox(False, label=f"Cross-validate over {FOLDS} folds", elem_id="folds",
                        info=f"{FOLDS} more models are trained, so that every question is tested "
                        "by one that never saw its answer. The model that ships is trained as "
                        "usual.")
    form = Form(panel.data, recipe, base, engine, flavor, seed, folds, prompts, texts)
    kept = gr.BrowserState(None, storage_key="tandem-form", secret="tandem-form-1")
    _listen(services, service, shared, form, about, kept)
    dim = texts[NAMES.index("truncate_dim")]
    base.change(_as_prescribed, [base, dim], [dim, base_said], trigger_mode="multiple", **QUIET)
    return form, kept, panel.chosen


def _listen(
    services: Services,
    service: RunService,
    shared: Shared,
    form: Form,
    about: gr.HTML,
    kept: gr.BrowserState,
) -> None:
    gr.on([shared.nonce.change, form.engine.change], _engines(services, service),
          [shared.nonce, form.engine, form.flavor], [form.engine, form.flavor, about],
          trigger_mode="multiple", **HIDDEN)
    shared.nonce.change(_restore(services), [shared.nonce, kept], form.inputs,
                        trigger_mode="multiple", **QUIET)


def _bases(services: Services) -> list[tuple[str, str]]:
    known = [
        (f"{services.settings.base_model} (as in Compare)", services.settings.base_model)
    ]
    if services.settings.base_model != EMBEDDED_MODEL:
        known.append((EMBEDDED_MODEL, EMBEDDED_MODEL))
    return known + [
        (f"{preset.base} (for a GPU, {preset.truncate_dim} dimensions)",
         f"{preset.base}@{preset.revision}")
        for preset in PRESETS.values() if preset.revision
    ]


def _as_prescribed(base: str, dim: str | None) -> Any:
    """A preset brings the dimensions and the prompt its authors mean it to be used with.

    What somebody typed is theirs; what another preset brought goes with it.
    """
    name = str(base).partition("@")[0]
    preset, known = preset_of(name), published_prompts([name])
    brought = {str(other.truncate_dim) for other in PRESETS.values() if other.truncate_dim}
    prompt = data_html.prompt_note(known["query"], known["passage"]) if known else ""
    if dim and dim not in brought:
        return gr.skip(), prompt
    return str(preset.truncate_dim or "") if preset else "", prompt


def _engines(services: Services, service: RunService) -> Callable[..., Any]:
    def engines(request: gr.Request, nonce: str, chosen: str, flavor: str | None) -> Any:
        visitor = services.auth.looks(request, nonce)
        found = service.offers(visitor)
        auto, why = automatic(found)
        names = [("Automatic", "auto"), *((offer.title, offer.engine) for offer in found)]
        chosen = chosen if chosen in {name for _, name in names} else "auto"
        takes = auto if chosen == "auto" else chosen
        note = data_html.engine_note(found, auto, why, service.quota_note(visitor, takes or ""))
        try:
            flavors, usual = service.flavors(visitor, takes or "")
        except ValueError as error:  # the Hub does not say which machines there are
            flavors, usual, note = [], None, elements.error(str(error))
        # A machine that is set, even to none, is a change that the plan is made anew for.
        machine = gr.Dropdown(flavors, value=usual, visible=bool(flavors)) \
            if flavors or flavor else gr.skip()
        return gr.Radio(names, value=chosen), machine, note

    return engines


def _restore(services: Services) -> Callable[..., Any]:
    """What stood in the form before a reload, unless it is of another version of the page."""
    def restore(request: gr.Request, nonce: str, kept: Any) -> Any:
        parts = 9 + len(NAMES)
        if not isinstance(kept, list) or len(kept) != parts or str(kept[1]) not in RECIPES:
            return [gr.skip()] * parts
        try:
            services.uploads.source(kept[0], services.auth.looks(request, nonce))
        except ValueError:
            own = str(kept[0]).startswith("upload-") or kept[0] == NO_DATA
            kept[0] = NO_DATA if own else services.settings.data
        return kept

    return restore


def _kept(nonce: str, *values: Any) -> Any:
    """The form as the browser keeps it; not before the nonce, with which the form is restored.

    Else who is quicker than that has half of what they typed put back over the other half.
    """
    return list(values) if nonce else gr.skip()


def _size_said(services: Services) -> str:
    most = services.settings.max_model
    return "" if most is None else f", of at most {most / 1e9:g} GB on this machine"


def _asked(values: tuple[Any, ...]) -> TrainForm:
    data, recipe, base, engine, flavor, seed, query_prompt, passage_prompt, *texts, folds = values
    return TrainForm(str(data or ""), str(recipe or ""), str(base or ""),
                changed(tuple(str(text or "") for text in texts)), str(engine or "auto"),
                str(flavor or ""), int(seed) if isinstance(seed, int | float) else 42,
                _prompt(query_prompt), _prompt(passage_prompt), FOLDS if folds is True else 0)


def _prompt(typed: Any) -> str | None:
    """A prompt as it was typed: empty is the model's own, `none` is none."""
    text = str(typed or "")
    return None if not text.strip() else "" if text.strip().lower() == "none" else text


def _plan(services: Services, service: RunService, planner: Planner) -> Callable[..., Any]:
    """What can be said at once: what is wrong, or how many pairs and steps there are."""
    def plan(request: gr.Request, nonce: str, *values: Any) -> Any:
        visitor = services.auth.looks(request, nonce)
        wish = json.dumps(values)
        if values[0] == NO_DATA:
            return json.dumps([wish, data_html.note(BRING_FIRST), ""])
        try:
            asked = service.request(visitor, _asked(values))
            services.auth.check_start(visitor, asked.engine)
            known = planner.known(asked)
            planned = _planned(service, visitor, asked, known or service.counts(asked))
        except (ValueError, OSError) as error:
            return json.dumps([wish, elements.error(sentence_of(error)), ""])
        return json.dumps([wish, planned, _key(asked)])

    return plan


def _of_the_form(told: str, *values: Any) -> Any:
    """The plan, unless the form says something else by now.

    Answers overtake each other on a busy machine. Without a key there is nothing to start.
    """
    wish, html, key = read_back(told, ["", "", ""])
    if wish != json.dumps(values):
        return gr.skip(), gr.skip(), gr.skip()
    return html, key, gr.Button(interactive=bool(key))


def _measure(services: Services, service: RunService, planner: Planner) -> Callable[..., Any]:
    """What takes some seconds: the time, by trying. Says what it is the time of."""
    def measure(request: gr.Request, nonce: str, key: str, *values: Any) -> Any:
        visitor = services.auth.looks(request, nonce)
        if not key:
            return gr.skip()
        try:
            asked = service.request(visitor, _asked(values))
            if _key(asked) != key:
                return gr.skip()
            services.auth.check_start(visitor, asked.engine)  # measuring costs the owner too
            if is_here(asked, services.settings.base_model):
                html = _planned(service, visitor, asked, planner.plan(asked, visitor.token))
            else:
                counts = service.counts(asked) | {"time": "not known before it begins: this model "
                                                           "is not fetched to this machine"}
                html = _planned(service, visitor, asked, counts)
        except PlanError as error:
            html = elements.error(str(error))
            if asked.engine == "jobs":  # what is too slow here need not be there
                counts = service.counts(asked) | {"time": f"not known: {error}"}
                html = _planned(service, visitor, asked, counts)
        except (ValueError, OSError) as error:
            html = elements.error(sentence_of(error))
        return json.dumps([key, html])

    return measure


def _still_asked(measured: str, key: str) -> Any:
    """What was measured, unless the form asks for something else by now."""
    of, html = read_back(measured, ["", ""])
    return html if key and of == key else gr.skip()


def _key(asked: RunSpec) -> str:
    """What the plan that is shown depends on."""
    return f"{plan_key(asked)} {asked.folds or ''}"


def _planned(service: RunService, visitor: Visitor, asked: RunSpec, said: Mapping[str, Any]) -> str:
    where = next((offer.title for offer in service.offers(visitor) if offer.engine == asked.engine),
                 asked.engine)
    said, cost = service.priced(visitor, asked, with_folds(said, asked.folds))
    offered = "" if asked.folds or asked.engine != "local" else service.fold_offer(asked, FOLDS)
    return data_html.plan(said, where, cost, offered)


def _start(services: Services, service: RunService, publishing: Publishing) -> Callable[..., Any]:
    def start(request: gr.Request, nonce: str, to: str, private: bool, *values: Any) -> Any:
        try:
            visitor = services.auth.visitor(request, nonce)
            run = publishing.start_and_publish(service, visitor, _asked(values), to, private)
        except (ValueError, OSError) as error:
            return gr.skip(), elements.error(sentence_of(error))
        gr.Info("The fine-tune is queued. It goes on when this page is closed.", duration=5)
        return run.id, gr.skip()

    return start


NAMES = tuple(name for name, _, _ in RULES)


def recipe_choices() -> list[tuple[str, str]]:
    """The recipes with their purpose, as radio choices."""
    return [(recipe_words(name), name) for name in RECIPES]


def recipe_fields() -> list[gr.Textbox]:
    """A text box for each hyperparameter of a recipe.

    Empty where the recipe's own value holds.
    """
    boxes: list[gr.Textbox] = []
    for start in range(0, len(RULES), 3):
        with gr.Row():
            for name, allowed, _ in RULES[start : start + 3]:
                boxes.append(gr.Textbox(
                    label=label_words(name), info=field_words(name, allowed), max_length=60,
                    placeholder="the recipe’s own",
                    min_width=180,
                ))
    return boxes


def values_of(name: str) -> dict[str, str]:
    """A recipe's own values, by hyperparameter.

    What holds where a box is empty. They are shown beside the boxes, not in them: filling a box
    from the server while somebody types into it would take away what they typed.
    """
    recipe = RECIPES.get(name, RECIPES["tandem"])
    return {field: _value(recipe, field) for field in NAMES}


def changed(texts: tuple[str, ...]) -> dict[str, str]:
    """What was typed into the boxes, by hyperparameter."""
    return {name: text.strip() for name, text in zip(NAMES, texts, strict=True) if text.strip()}


def _value(recipe: Recipe, name: str) -> str:
    known = {field.name for field in fields(recipe)}
    value = getattr(recipe, name) if name in known else None
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
