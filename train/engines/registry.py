"""Makes the engines there are here."""

from importlib import import_module

from train.settings import Settings

from . import ENGINES, Engine


def engines_from(settings: Settings) -> dict[str, Engine]:
    """The engines there are here.

    ZeroGPU's must be there before the page is launched.
    """
    found: dict[str, Engine] = {}
    for name, kind in ENGINES.items():
        engine: Engine | None = import_module(kind.module).engine_from(settings)
        if engine is not None:
            found[name] = engine
    return found
