"""The model card: what a model does, where each task sits, what it scores, how fast it is, and what it cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiernlp.hub.metadata import base_model, corpora_of, hub_dataset, metadata, model_name
from hiernlp.training.tables import COUNTS, number

if TYPE_CHECKING:
    from hiernlp.hub.folder import Bundle

LAYERS = "layers.png"
"""The picture of the layers, beside the card."""


def model_card(bundle: Bundle) -> str:
    """Return the card as Markdown with the hub's metadata on top."""
    parts = [_head, _tasks, _scores, _training, _speed, _limits, _use]
    text = "\n\n".join("\n".join(lines) for part in parts if (lines := part(bundle)))
    return f"---\n{metadata(bundle).to_yaml()}\n---\n\n{text}\n"


def _head(bundle: Bundle) -> list[str]:
    encoder = bundle.recipe.get("encoder", {}).get("name")
    source = base_model(bundle) or (Path(encoder).name if encoder else None)
    many = len(bundle.tasks) != 1
    return [
        f"# {model_name(bundle)}",
        "",
        *([_line(bundle.recipe["description"]), ""] if bundle.recipe.get("description") else []),
        f"A model of hiernlp: one encoder{f' ({source})' if source else ''} of "
        f"{bundle.model.scheme.depth} layers answers {len(bundle.tasks)} task{'s' if many else ''} in one pass, "
        f"{'each at its own layer' if many else 'at its own layer'}; a run goes no deeper than the tasks asked for.",
    ]


def _tasks(bundle: Bundle) -> list[str]:
    lines = ["## Tasks", "", "| task | what it is | kind | layer | labels |", "| --- | --- | --- | --- | ---: |"]
    for name in bundle.model.tasks:
        task = bundle.tasks[name]
        layer = f"mix of {task.place.low} to {task.place.high}" if task.place.is_mix else str(task.place.high)
        reading = f" on pairs, {task.pair.get('encode', 'apart')}" if task.pair is not None else ""
        labels = len(task.labels.get("labels") or task.labels.get("relations") or ())
        lines.append(
            f"| {name} | {_cell(task.description)} | {task.kind}{reading} | {layer} | {labels if labels else ''} |"
        )
    lines += ["", f"![The layers of the encoder and the tasks on them]({LAYERS})"]
    if bundle.model.feeds:
        fed = ", ".join(f"{feed.source} to {feed.target or 'the layers above'}" for feed in bundle.model.feeds)
        lines += ["", f"Beliefs fed upward (triangles and arrows): {fed}."]
    for agreement in bundle.model.agreements:
        lines += ["", f"Answered with labels that go together in training data: {', '.join(agreement.tasks)}."]
    for task, others in bundle.model.consulted.items():
        lines += ["", f"Answered by what other tasks answer, too: {task}, by {', '.join(others.values())}."]
    return lines


def _scores(bundle: Bundle) -> list[str]:
    scores = bundle.scores.get("tasks", {})
    scored = [name for name in bundle.model.tasks if name in scores]
    if not scored:
        return []
    split = {"dev": "development"}.get(bundle.scores.get("split", "dev"), bundle.scores.get("split"))
    lines = [
        f"## Scores on {split} data",
        "",
        "| task | corpora | score | majority baseline | other figures |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for name in scored:
        found = scores[name]
        main, baseline = found["main"], found.get("baseline")
        others = [
            f"{key.replace('_', ' ')} {number(key, value)}" for key, value in found["values"].items() if key != main
        ]
        lines.append(
            f"| {name} | {', '.join(corpora_of(bundle, name))} | {main.replace('_', ' ')} "
            f"{number(main, found['values'][main])} | {'' if baseline is None else number(main, baseline)} | "
            f"{', '.join(others)} |"
        )
    counts = ", ".join(sorted(COUNTS & {key for name in scored for key in scores[name]["values"]}))
    lines += ["", f"Shares are in per cent{f'; {counts} are how many were scored' if counts else ''}."]
    notes = dict.fromkeys(note for name in scored for note in scores[name].get("notes", ()))
    return lines + (["", *(f"- {_line(note).rstrip('.')}." for note in notes)] if notes else [])


def _training(bundle: Bundle) -> list[str]:
    corpora: dict[str, Any] = bundle.recipe.get("corpora", {})
    if not corpora:
        return []
    lines = ["## Training data", "", "| corpus | what it is | licence |", "| --- | --- | --- |"]
    for name, corpus in corpora.items():
        url = corpus.get("url") or ""
        if not url and (dataset := hub_dataset(corpus)):
            url = f"https://huggingface.co/datasets/{dataset}"
        linked = f"[{name}]({url})" if url else name
        licence = _cell(corpus.get("licence", "")) or "not stated"
        lines.append(f"| {linked} | {_cell(corpus.get('description', ''))} | {licence} |")
    training, scores = bundle.recipe.get("training", {}), bundle.scores
    about = [f"seed {training['seed']}"] if "seed" in training else []
    about += [f"{scores['epoch']:g} epoch{'' if scores['epoch'] == 1 else 's'}"] if "epoch" in scores else []
    about += [f"hiernlp {scores['hiernlp']}, torch {scores['torch']}"] if "torch" in scores else []
    known = f" ({', '.join(about)})" if about else ""
    return [*lines, "", f"All settings are in `recipe.yaml`{known}."]


def _speed(bundle: Bundle) -> list[str]:
    speed = bundle.scores.get("speed")
    if not speed:
        return []
    deepest = speed["depths"][-1]["words_per_second"]
    return [
        "## Speed by depth",
        "",
        "| layers computed | tasks | words a second | of the deepest |",
        "| ---: | --- | ---: | ---: |",
        *(
            f"| {found['depth']} | {', '.join(found['tasks'])} | {found['words_per_second']:,} | "
            f"{found['words_per_second'] / deepest:.1f} times |"
            for found in speed["depths"]
        ),
        "",
        f"Median over {speed['sentences']} sentences of {speed['words']:,} words, words in and annotations out; "
        f"{speed['device']}.",
    ]


def _limits(bundle: Bundle) -> list[str]:
    lines = ["## Limits", ""]
    if bundle.recipe.get("corpora"):
        lines.append("- It knows the language and the kinds of text of its training data; on others it does worse.")
    if bundle.scores.get("tasks") and bundle.scores.get("split", "dev") == "dev":
        lines.append("- The checkpoint was chosen by the development data that it is scored on, which flatters it.")
    lines += [
        "- It answers with labels met in training and no others, and every word gets an answer, right or wrong.",
        f"- Raw text is split into sentences and words by rules for the language `{bundle.language}`; give words where "
        "they must be others.",
        f"- Sentences of more than {bundle.encoding.window or bundle.encoder.limit} subwords go through overlapping "
        "windows, so that no word sees all of them.",
        "- Probabilities are the model's own and not calibrated.",
        "- What is skewed in the pretrained encoder or in the training texts is skewed here.",
    ]
    return lines


def _use(bundle: Bundle) -> list[str]:
    model = bundle.model
    single = [task for task in model.tasks if not model.reads_pairs(task)]
    lines = ["## Use", "", "```", "pip install hiernlp", "```", "", "```python", "import hiernlp", ""]
    lines.append('analyzer = hiernlp.load("path/to/this/folder")  # or the id of this model on the hub')
    if single:
        lines += [
            'document = analyzer("Leibniz was born in Leipzig. He studied law.")',
            "print(document)",
            f'analyzer("Was he?", tasks=["{single[0]}"])  # computes {model.depth_of(model.needed(single[:1]))} of '
            f"{model.scheme.depth} layers",
        ]
    if model.pair_tasks:
        lines.append('print(analyzer.pairs([("A man is asleep.", "Nobody is awake.")]))')
    lines.append("```")
    if single:
        lines += [
            "",
            "In a pipeline of spaCy:",
            "",
            "```python",
            "import spacy",
            "",
            'nlp = spacy.blank("xx")' if bundle.language == "xx" else f'nlp = spacy.blank("{bundle.language}")',
            'nlp.add_pipe("hiernlp", config={"model": "path/to/this/folder"})',
            "```",
        ]
    return lines


def _line(text: str) -> str:
    return " ".join(str(text).split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
