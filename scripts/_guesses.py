"""Labels that nobody gave: what models that have learnt from a few sentences say of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from _cases import trained

import hiernlp


def write_guesses(
    file: Path, texts: Sequence[str], *, recipe: dict[str, Any], task: str, seeds: Sequence[str], folder: Path
) -> None:
    """Write sentences as JSON lines, with each label's mean probability over models trained with several seeds.

    Args:
        file: written unless it is there.
        texts: the sentences, their words separated by blanks.
        recipe: how the models are trained.
        task: their task, one that labels sentences.
        seeds: of the models.
        folder: for the models, and what is trained there is used.
    """
    if file.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "recipe.yaml"
    settings.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    words = [text.split() for text in texts]
    sums: list[dict[str, float]] = [{} for _ in texts]
    for seed in seeds:
        model = folder / f"seed-{seed}"
        trained(settings, model, seed)
        found = hiernlp.load(model)(words, tasks=[task], probabilities=True)
        for total, sentence in zip(sums, found.sentences, strict=True):
            for label, probability in sentence[f"{task}_probability"].items():
                total[label] = total.get(label, 0.0) + probability
    with file.open("w", encoding="utf-8") as out:
        for text, total in zip(texts, sums, strict=True):
            shares = {label: round(value / len(seeds), 4) for label, value in total.items()}
            row = {"text": text, "guessed": max(shares, key=shares.__getitem__), "shares": shares}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def guesses(file: Path) -> list[str]:
    """Return the likeliest label of each sentence of a file that :func:`write_guesses` wrote."""
    return [json.loads(line)["guessed"] for line in file.read_text(encoding="utf-8").splitlines()]
