"""The hardware of a Space, named as it is made.

Who can have which stands in the Hub's documentation of Spaces (as of August 2026): a Gradio Space
on `cpu-basic` takes a plan since July 2026, ZeroGPU does not. Hardware of a Space that exists is
changed in its settings alone: the token that `hf auth login` makes may not ask for it.
"""

from collections.abc import Generator
from typing import Any

from hub.client import Hub
from hub.errors import Failure

from .commit import create
from .errors import PublishError
from .permissions import Target
from .steps import Step

FREE = "zero-a10g"
"""What a Space is made on unless somebody says otherwise: ZeroGPU."""
PLAIN = "cpu-basic"
WHO = (f"Without a payment: {FREE} (ZeroGPU), two Spaces of a personal account in good standing "
       f"(verified e-mail, older than 30 days), ten with PRO; {PLAIN} with PRO, Team or "
       "Enterprise.")
REFUSED = ("payment", "forbidden")
"""Kinds of failure that a Space on other hardware need not have."""
UNITS = {"second": 3600, "minute": 60, "hour": 1}
NOTHING = " Nothing was published."


def create_space(
    hub: Hub, target: Target, private: bool, hardware: str, **options: Any
) -> Generator[Step, None, tuple[Target, str]]:
    """Make a Space on the hardware asked for.

    Or, where that is refused, on what costs nothing. options: of `create_repo`. Yields a
    step with the Hub's own reason when it falls back; returns the Space and its hardware.
    PublishError with that reason, what the hardware costs and what is free, when no Space can be
    had.
    """
    refused: list[str] = []
    for flavor in dict.fromkeys((hardware, FREE, PLAIN)):
        try:
            made = create(hub, target, private, space_sdk="gradio", space_hardware=flavor,
                          **options)
        except PublishError as error:
            if error.kind not in REFUSED:
                raise
            refused.append(f"{flavor}: {str(error).removesuffix(NOTHING)}")
            kind = error.kind
        else:
            if refused:
                yield Step(text=f"{refused[0]} {price(hub, hardware)}It was made on {flavor} "
                                "instead, at no cost.")
            return made, flavor
    raise PublishError(f"{refused[0]} {price(hub, hardware)}{WHO}{NOTHING}", kind)


def price(hub: Hub, hardware: str) -> str:
    """What hardware of a Space costs by the hour.

    A sentence and a blank, as the Hub lists it. Empty where it does not say.
    """
    listed = hub.attempt(lambda: hub.api.list_spaces_hardware())
    if isinstance(listed, Failure):
        return ""
    machine = next((each for each in listed if each.name == hardware), None)
    if machine is None:
        known = ", ".join(sorted(each.name for each in listed))
        return f"The Hub has no hardware of that name; it has {known}. "
    usd = machine.unit_cost_usd * UNITS.get(machine.unit_label, 0)
    if not usd:
        return f"{hardware} itself costs nothing by the hour. "
    return (f"{hardware} costs ${usd:.2f} an hour, from prepaid credit "
            "(https://huggingface.co/settings/billing). ")


def hardware_of(hub: Hub, target: Target) -> str:
    """The hardware of a Space that exists.

    Empty where the Hub does not say.
    """
    found = hub.attempt(lambda: hub.api.get_space_runtime(target.repo_id))
    return "" if isinstance(found, Failure) else str(found.requested_hardware or found.hardware
                                                     or "")
