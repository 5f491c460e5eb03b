"""The commands ``card`` and ``push``."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import say  # noqa: E402
from hiernlp.corpora.conllu import Conllu, ConlluOptions  # noqa: E402
from hiernlp.errors import DataError, HierNLPError  # noqa: E402
from hiernlp.hub.folder import CARD, load_bundle, rewrite_card  # noqa: E402
from hiernlp.hub.push import push  # noqa: E402
from hiernlp.hub.speed import measure_speed  # noqa: E402
from hiernlp.prediction import choose_device  # noqa: E402
from hiernlp.recipe.files import bundled_folder  # noqa: E402
from hiernlp.segmentation import segment  # noqa: E402

MEASURED = 120
"""Sentences of the bundled sample that speed is measured on."""


def card_command(model: Path, *, measure: bool, text: Path | None, device: str | None) -> None:
    """Write a model's card, after measuring its speed if that is asked for."""
    if text is not None and not measure:
        raise HierNLPError("--text: is what --measure measures on; give --measure, too")
    if not model.is_dir():
        raise HierNLPError(f"{model}: expected a model folder, found {'a file' if model.exists() else 'nothing'}")
    bundle = load_bundle(model)
    if measure:
        sentences = _sample() if text is None else _sentences(text, bundle.language)
        bundle.model.to(choose_device(device))
        bundle.scores["speed"] = measure_speed(bundle, sentences)
    rewrite_card(bundle, model)
    say(Console(stderr=True), f"card in {model / CARD}")


def push_command(model: Path, repo: str, *, private: bool, token: str | None, revision: str | None) -> None:
    """Upload a model folder and tell where it is."""
    address = push(model, repo, private=private or None, token=token, revision=revision)
    say(Console(stderr=True), f"model in {address}")


def _sample() -> list[list[str]]:
    rows = Conllu(ConlluOptions()).rows(bundled_folder() / "sample" / "dev.conllu")
    return [row["words"] for row in islice(rows, MEASURED)]


def _sentences(text: Path, language: str) -> list[list[str]]:
    try:
        return [part.words for part in segment(text.read_text(encoding="utf-8"), language=language)]
    except UnicodeDecodeError as error:
        raise DataError(f"expected text in UTF-8, found something else ({error.reason})", file=text) from None
