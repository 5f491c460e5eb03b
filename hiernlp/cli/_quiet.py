"""Silence of the libraries beneath, whose progress bars and notes would mix with the command's own output."""

from __future__ import annotations

import os
import sys


def quiet() -> None:
    """Call before the heavy imports: no bars and only errors from transformers and datasets.

    None of them is imported here, as not all that is run takes them; what is imported already is told itself.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

    if sys.modules.get("transformers") is not None:
        from transformers.utils import logging  # noqa: PLC0415 - it is there already

        logging.set_verbosity_error()
        logging.disable_progress_bar()
