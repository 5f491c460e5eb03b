"""Silence of the libraries beneath, whose progress bars and notes would mix with the command's own output."""

from __future__ import annotations

import os


def quiet() -> None:
    """Call before the heavy imports: no bars and only errors from transformers and datasets.

    None of them is imported here, as not all that is run takes them.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
