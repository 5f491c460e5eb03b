"""The model card: what a model does, where each task sits, what it scores, how to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from hiernlp.hub.folder import Bundle


def model_card(bundle: Bundle) -> str:
    """Return the card as Markdown with the hub's metadata on top."""
    model = bundle.model
    of_words = [task for task in model.tasks if model.heads[task].level != "sentence"]
    metadata = {
        "library_name": "hiernlp",
        "language": bundle.language,
        "pipeline_tag": "token-classification" if of_words else "text-classification",
        "tags": ["hiernlp", "multi-task", *sorted({task.kind for task in bundle.tasks.values()})],
    }
    source = bundle.recipe.get("encoder", {}).get("name")
    lines = ["---", yaml.safe_dump(metadata, sort_keys=False).strip(), "---", "", "# A hiernlp model", ""]
    lines += [bundle.recipe["description"], ""] if bundle.recipe.get("description") else []
    lines += [
        f"One encoder{f' ({source})' if source else ''} of {bundle.model.scheme.depth} layers answers "
        f"{len(bundle.tasks)} task{'s' if len(bundle.tasks) != 1 else ''} in one pass, each at its own layer; a run "
        "goes no deeper than the tasks asked for.",
        "",
        "| task | kind | layer | score on development data |",
        "| --- | --- | --- | --- |",
    ]
    scores = bundle.scores.get("tasks", {})
    for name in bundle.model.tasks:
        task = bundle.tasks[name]
        layer = f"mix of {task.place.low} to {task.place.high}" if task.place.is_mix else str(task.place.high)
        found = scores.get(name)
        figure = f"{found['main']} {found['values'][found['main']]:.4f}" if found else ""
        reading = f" on pairs, {task.pair.get('encode', 'apart')}" if task.pair is not None else ""
        lines.append(f"| {name} | {task.kind}{reading} | {layer} | {figure} |")
    if bundle.model.feeds:
        fed = ", ".join(f"{feed.source} to {feed.target or 'the layers above'}" for feed in bundle.model.feeds)
        lines += ["", f"Beliefs fed upward: {fed}."]
    corpora = bundle.recipe.get("corpora", {})
    if corpora:
        lines += ["", f"Trained on: {', '.join(corpora)} (see `recipe.yaml`)."]
    lines += ["", "```python", "import hiernlp", "", 'analyzer = hiernlp.load("path/to/this/folder")']
    if len(model.pair_tasks) < len(model.tasks):
        lines.append('print(analyzer("Leibniz was born in Leipzig. He studied law."))')
    if model.pair_tasks:
        lines.append('print(analyzer.pairs([("A man is asleep.", "Nobody is awake.")]))')
    lines += ["```", ""]
    return "\n".join(lines)
