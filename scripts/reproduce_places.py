"""Compare places of GUM's tasks: all on the top layer, by hand, and by the probe, stretched or as found.

python scripts/reproduce_places.py --data path/to/gum

The recipe is the bundled ``gum`` without feeds, so that places alone differ. Each run is a model folder under
``--output``; the same command goes on with what is not finished. At the end the part of the page between the marks is
written anew.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from _cases import made_by, spread, trained, write

from hiernlp.experiment import dumped, main_value
from hiernlp.recipe import load_recipe

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
VARIANTS: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "all on the top layer": ("top", "top", ()),
    "by hand": ("hand", None, ()),
    "by the probe, `auto`": ("gravity", "auto", ()),
    "by the probe's scores": ("auto", "auto", ("probe.place_by=score",)),
    "by the probe's scores, 99.5% of the best": ("strict", "auto", ("probe.place_by=score", "probe.share=0.995")),
    "by the probe's scores, not stretched": ("unstretched", "auto", ("probe.place_by=score", "probe.stretch=false")),
}
"""How tasks are placed: the folder, what ``place`` then says (None: as in the recipe), and what else changes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of GUM: train.conllu, dev.conllu")
    parser.add_argument("--output", type=Path, default=Path("runs/places"), help="folder for the models")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--share", type=float, default=1.0, help="share of the training sentences")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose section is written")
    arguments = parser.parse_args()
    found: dict[str, list[Path]] = {title: [] for title in VARIANTS}
    for seed in arguments.seeds.split(","):
        for title, (name, place, changes) in VARIANTS.items():
            folder = arguments.output.resolve() / name
            folder.mkdir(parents=True, exist_ok=True)
            recipe = folder / "recipe.yaml"
            data = recipe_of(arguments, place, changes)
            recipe.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
            trained(recipe, folder / f"seed-{seed}", seed)
            found[title].append(folder / f"seed-{seed}")
    text = table(found)
    share = "" if arguments.share == 1 else f", {arguments.share:.0%} of the training sentences"
    text += (
        f"\nDevelopment scores, mean and sample standard deviation over the seeds {arguments.seeds}; "
        f"{arguments.epochs} epochs{share}; nothing fed. *Mean relative* is the mean over the tasks of how much of the "
        f"way from the majority baseline to a perfect score is gone.\n\n{made_by()}\n"
    )
    write(arguments.page, "places", text)
    print(text)


def recipe_of(arguments: argparse.Namespace, place: str | None, also: Sequence[str]) -> dict[str, Any]:
    """Return the recipe with all tasks at one place, or at their own, and what else changes."""
    changes = [*also]
    changes += [f"corpora.gum.{split}={(arguments.data / f'{split}.conllu').resolve()}" for split in ("train", "dev")]
    changes += [f"corpora.gum.split.train={arguments.share}", f"training.epochs={arguments.epochs}"]
    changes += ["training.tensorboard=false", "feeds=[]"]
    tasks = load_recipe("gum").tasks
    return dumped(load_recipe("gum", overrides=changes + [f"tasks.{task}.place={place}" for task in tasks if place]))


def table(found: dict[str, list[Path]]) -> str:
    """Return a row for each way of placing: where the tasks stand, their scores, and the mean relative score."""
    scores = {title: [read(folder / "scores.json") for folder in folders] for title, folders in found.items()}
    names = list(next(iter(scores.values()))[0]["tasks"])
    rows = [["placed", "layers", *names, "mean relative"], ["---", "---", *["---:"] * (len(names) + 1)]]
    for title, of_seeds in scores.items():
        layers = [layers_of(folder) for folder in found[title]]
        shown = "; ".join(dict.fromkeys(", ".join(str(each[name]) for name in names) for each in layers))
        values = {name: [100 * main_value(each["tasks"][name]) for each in of_seeds] for name in names}
        relative = spread([100 * each["mean_relative"] for each in of_seeds])
        rows.append([title, shown, *(spread(values[name]) for name in names), relative])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def layers_of(folder: Path) -> dict[str, Any]:
    """Return the layer of each task of a saved model, as its recipe has it."""
    settings: dict[str, Any] = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))["tasks"]
    return {task: each["place"] for task, each in settings.items()}


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
