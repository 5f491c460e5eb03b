"""The commands ``card`` and ``push``."""

from __future__ import annotations

from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import say  # noqa: E402
from hiernlp.cli._sentences import sample_sentences, text_sentences  # noqa: E402
from hiernlp.errors import HierNLPError  # noqa: E402
from hiernlp.hub.folder import CARD, load_bundle, rewrite_card  # noqa: E402
from hiernlp.hub.push import push  # noqa: E402
from hiernlp.hub.speed import measure_speed  # noqa: E402
from hiernlp.prediction import choose_device  # noqa: E402


def card_command(model: Path, *, measure: bool, text: Path | None, device: str | None) -> None:
    """Write a model's card, after measuring its speed if that is asked for."""
    if text is not None and not measure:
        raise HierNLPError("--text: is what --measure measures on; give --measure, too")
    if not model.is_dir():
        raise HierNLPError(f"{model}: expected a model folder, found {'a file' if model.exists() else 'nothing'}")
    bundle = load_bundle(model)
    if measure:
        sentences = sample_sentences() if text is None else text_sentences(text, language=bundle.language)
        bundle.model.to(choose_device(device))
        bundle.scores["speed"] = measure_speed(bundle, sentences)
    rewrite_card(bundle, model)
    say(Console(stderr=True), f"card in {model / CARD}")


def push_command(model: Path, repo: str, *, private: bool, token: str | None, revision: str | None) -> None:
    """Upload a model folder and tell where it is."""
    address = push(model, repo, private=private or None, token=token, revision=revision)
    say(Console(stderr=True), f"model in {address}")
