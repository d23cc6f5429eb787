"""Tandem: base and fine-tuned retrieval side by side.

Start it with `python app.py`.
"""

import atexit
import logging
import os
import shutil
import socket
import sys

# Nothing is told to anyone: both libraries read these when they are imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from hub.errors import HubError  # noqa: E402
from train.engines.queue import Queue  # noqa: E402
from train.engines.registry import engines_from  # noqa: E402
from train.publish.home import home_repo  # noqa: E402
from train.settings import Settings, SettingsError  # noqa: E402
from ui.auth import Auth  # noqa: E402
from ui.middleware import middleware  # noqa: E402
from ui.page import build_page  # noqa: E402
from ui.services.app import Services  # noqa: E402
from ui.services.opening import OpeningPair  # noqa: E402
from ui.services.process import end_all  # noqa: E402
from ui.services.uploads import Uploads  # noqa: E402
from ui.serving.caches import MODELS, sweep_indexes, sweep_models  # noqa: E402
from ui.serving.queue import MOST_WAITING  # noqa: E402
from ui.serving.received import fresh_folder, sweep_arrivals  # noqa: E402
from ui.serving.server import serve  # noqa: E402
from ui.theme import look  # noqa: E402

MOST_SESSIONS = 500
"""Views of the page whose state is kept; the oldest goes first."""


def main() -> int:
    """Read the settings and serve the page until stopped."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for chatty in ("httpx", "httpx2", "sentence_transformers"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = Settings.from_env()
        home = home_repo(settings)
    except (SettingsError, HubError) as error:
        print(f"Tandem cannot start: {error}", file=sys.stderr)
        return 2
    if settings.log == "errors":
        logging.getLogger("tandem.errors").setLevel(logging.DEBUG)
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if settings.on_space else "127.0.0.1")
    if _taken(host, settings.port):
        print(f"Tandem cannot start: port {settings.port} is taken by another program. Set PORT to "
              "a free one, for example PORT=7861.", file=sys.stderr)
        return 1
    # A folder of our own, also where one is named: what lies in it is swept.
    arrivals = fresh_folder(os.environ.get("GRADIO_TEMP_DIR"))
    os.environ["GRADIO_TEMP_DIR"] = str(arrivals)
    queue = Queue(settings.runs, engines_from(settings), settings.max_disk)
    atexit.register(queue.close)  # should it not come to be served
    opening = OpeningPair(settings, queue, home and home.restore)
    uploads = Uploads(settings)
    page = build_page(Services(settings, opening, queue, Auth(settings), uploads, home))

    def sweep() -> None:
        opening.pairs.sweep()
        sweep_arrivals(arrivals, page.upload_file_set)
        sweep_indexes(settings.cache)
        if settings.on_space and settings.max_model:  # elsewhere the cache is not ours alone
            kept = {name.partition("@")[0] for name in (settings.base_model, settings.tuned_model)
                    if name}
            sweep_models(MODELS * settings.max_model, kept)

    def close() -> None:
        queue.close()
        end_all()
        if home is not None:
            home.close()
        shutil.rmtree(arrivals, ignore_errors=True)

    uploads.open(sweep)
    queue.open()
    if home is not None:
        home.open()
    opening.open()
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host
    print(f"Tandem is at http://{shown}:{settings.port} (stop it with Ctrl-C)", flush=True)
    serve(
        page.queue(default_concurrency_limit=4, max_size=MOST_WAITING, api_open=False),
        close,
        settings.hosts,
        server_name=host,
        server_port=settings.port,
        **look(),
        quiet=True,
        footer_links=["api"],
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        max_file_size=settings.max_upload,
        state_session_capacity=MOST_SESSIONS,
        app_kwargs={"middleware": middleware(settings)},
    )
    return 0


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
