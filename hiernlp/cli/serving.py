"""The command ``serve``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hiernlp.cli._quiet import quiet

quiet()

from hiernlp.errors import NotInstalledError  # noqa: E402
from hiernlp.graphs.opening import open_analyzer  # noqa: E402
from hiernlp.server.settings import ServerSettings  # noqa: E402
from hiernlp.settings import validate  # noqa: E402


def serve_command(
    model: str, *, host: str, port: int, limits: Mapping[str, Any], precision: str, device: str | None
) -> None:
    """Serve a model until told to stop."""
    settings = validate(ServerSettings, {key: value for key, value in limits.items() if value is not None})
    try:
        from hiernlp.server.app import create_app  # noqa: PLC0415 - an extra
        from hiernlp.server.service import address, open_socket, run, warm_up  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"serve needs libraries that are not installed ({error.name}); pip install 'hiernlp[server]'"
        ) from None
    with open_socket(host, port) as bound:
        analyzer = open_analyzer(model, device=device, precision=precision)
        warm_up(analyzer)
        app = create_app(analyzer, settings, name=Path(model).expanduser().resolve().name)
        sys.stderr.write(f"serving {model} at {address(bound)} (Ctrl+C ends)\n")
        run(app, bound, grace=settings.grace)
