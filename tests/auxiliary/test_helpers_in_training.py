"""Auxiliary tasks in training: they help or not, but never choose, are never saved, and at weight 0 change nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import hiernlp
from hiernlp.encoding.collate import collate
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, prepare, probe
from hiernlp.hub import load_bundle
from hiernlp.recipe import single_task, without_idle_helpers
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.events import Evaluated, StepsDone

Make = Callable[..., dict[str, Any]]
MAIN = ["upos", "type"]
HINTS: dict[str, dict[str, Any]] = {
    "shape": {"hint": {"maker": "shape", "options": {"of": "case"}}, "place": 1},
    "frequency": {"hint": {"maker": "frequency"}, "place": 2},
    "people": {"hint": {"maker": "lexicon", "options": {"words": "people.txt"}}, "place": 3},
    "masked": {
        "hint": {"maker": "word", "options": {"vocabulary": 8}},
        "view": {"mask": 0.5, "random": 0.0, "kept": 0.0},
        "place": 4,
    },
    "next_type": {"hint": {"maker": "following", "options": {"whole_files": True}}, "place": 4},
}


def helped(recipe_data: Make, *, weight: float = 1.0, **training: Any) -> dict[str, Any]:
    """A recipe of two main tasks with hints, a helper that is annotated, and an adversary over the sentence type."""
    data = copy.deepcopy(recipe_data([*MAIN, "dependencies"], **training))
    data["tasks"]["dependencies"] |= {"auxiliary": True}
    data["tasks"] |= copy.deepcopy(HINTS)
    lists = Path(data["corpora"]["ud"]["train"]).parent
    (lists / "people.txt").write_text("mary\njohn\n", encoding="utf-8")
    data["tasks"]["people"]["hint"]["options"]["words"] = str(lists / "people.txt")
    (lists / "animals.txt").write_text("dog\n", encoding="utf-8")
    data["tasks"]["people"]["view"] = {"hide": str(lists / "people.txt")}
    data["tasks"]["adversary"] = {
        "hint": {"maker": "lexicon", "options": {"words": str(lists / "animals.txt")}},
        "reversal": {"strength": 0.5},
        "place": {"mix": [1, 3]},
        "shortcut": True,
    }
    data["probe"] = {"sentences": 30, "epochs": 1}
    for task, settings in data["tasks"].items():
        if task not in MAIN:
            settings["weight"] = weight
    return data


def trained(data: dict[str, Any], folder: Path) -> list[Any]:
    return list(Run(validate_recipe(data), folder).events())


def test_at_weight_zero_the_run_is_that_of_the_main_tasks_to_the_bit(recipe_data: Make, tmp_path: Path) -> None:
    data = helped(recipe_data, weight=0.0)
    # Wherever the recipe names them.
    data["tasks"] = dict(sorted(data["tasks"].items(), key=lambda item: item[0] in MAIN))
    trained(data, tmp_path / "zero")
    trained(recipe_data(MAIN), tmp_path / "main")
    with_helpers, alone = (load_bundle(tmp_path / name).model.state_dict() for name in ("zero", "main"))
    assert with_helpers.keys() == alone.keys()
    assert all(torch.equal(with_helpers[name], alone[name]) for name in alone)


def test_helpers_are_scored_but_neither_saved_nor_choosing(recipe_data: Make, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    events = trained(helped(recipe_data), folder)
    helpers = {*HINTS, "dependencies", "adversary"}
    last = [event for event in events if isinstance(event, Evaluated)][-1]
    assert set(last.scores) == {*MAIN, *helpers}
    saved = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert (set(saved["tasks"]), set(saved["auxiliary"])) == (set(MAIN), helpers)
    mean = sum(found["relative"] for found in saved["tasks"].values()) / len(MAIN)
    assert saved["mean_relative"] == pytest.approx(mean)
    bundle = load_bundle(folder)
    assert set(bundle.model.tasks) == set(MAIN)
    assert not [n for n in bundle.model.state_dict() for helper in helpers if f".{helper}." in n]
    kept = Run(validate_recipe(helped(recipe_data, keep_auxiliary=True)), tmp_path / "kept")
    list(kept.events())
    everything = load_bundle(tmp_path / "kept").model
    assert set(everything.tasks) == {*MAIN, *helpers} - {"masked", "people"}  # those read views of their own
    # What is left out changes nothing of what is kept.
    shared = everything.state_dict()
    assert all(torch.equal(value, shared[name]) for name, value in bundle.model.state_dict().items())


def test_analysis_needs_nothing_that_only_training_had(recipe_data: Make, corpora: Path, tmp_path: Path) -> None:
    trained(helped(recipe_data), tmp_path / "model")
    analyzer = hiernlp.load(tmp_path / "model")
    text = (corpora / "dev.conllu").read_text(encoding="utf-8")
    words = [
        [line.split("\t")[1] for line in block.splitlines() if line[:1].isdigit()]
        for block in text.strip().split("\n\n")
    ]
    assert [s.annotations.keys() for s in analyzer(words).sentences] == [{"upos", "sentence_type"}] * len(words)


def test_schedules_end_and_are_logged(recipe_data: Make, tmp_path: Path) -> None:
    data = helped(recipe_data, log_every=1)
    data["tasks"]["shape"]["schedule"] = {"until": 3}
    data["tasks"]["frequency"]["schedule"] = {"decay": "linear", "until": 0.5}
    steps = [e for e in trained(data, tmp_path / "model") if isinstance(e, StepsDone)]
    assert [("shape" in s.losses, s.schedules["weight/shape"]) for s in steps[:5]] == [(True, 1.0)] * 3 + [
        (False, 0.0)
    ] * 2
    shares = [s.schedules["weight/frequency"] for s in steps]
    assert shares[0] == 1
    assert all(a >= b for a, b in pairwise(shares))
    assert shares[-1] == 0
    assert "frequency" not in steps[-1].losses
    strengths = [s.schedules["reversal/adversary"] for s in steps]
    assert strengths[0] == 0
    assert all(a < b <= 0.5 for a, b in pairwise(strengths))


def test_a_run_goes_on_as_if_it_had_not_stopped(recipe_data: Make, tmp_path: Path) -> None:
    data = helped(recipe_data)
    data["tasks"]["shape"]["schedule"] = {"until": 0.7}
    trained(data, tmp_path / "whole")
    run = Run(validate_recipe(data), tmp_path / "cut")
    for event in run.events():
        if isinstance(event, Evaluated):
            run.trainer.ask_to_stop()
    list(Run(validate_recipe(data), tmp_path / "cut", resume=True).events())
    whole, cut = (load_bundle(tmp_path / name).model.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_the_adversary_learns_what_the_encoder_unlearns(recipe_data: Make, tmp_path: Path) -> None:
    """One backward pass: the head's gradient is that of its loss, the encoder's is turned round."""

    def gradients(strength: float | None) -> dict[str, torch.Tensor]:
        data = recipe_data(["upos", "type"])
        data["tasks"]["type"] = copy.deepcopy(data["tasks"]["type"]) | {"auxiliary": True}
        if strength is not None:
            data["tasks"]["type"]["reversal"] = {"strength": strength, "schedule": "constant"}
        run = Run(validate_recipe(data), tmp_path / f"run{strength}")
        model = run.trainer.model.eval()
        model.reversal |= {task: strength for task in model.reversal if strength is not None}
        batch = run.trainer.builder("ud", [0, 1, 2])
        model(batch.words, tasks=("type",), targets=batch.targets)["type"].backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    plain, against = gradients(None), gradients(0.3)
    assert plain.keys() == against.keys()
    for name, gradient in plain.items():
        own = name.startswith(("heads.type", "shortcuts.type"))
        torch.testing.assert_close(against[name], gradient if own else -0.3 * gradient, rtol=1e-4, atol=1e-7)


def test_hidden_words_are_learnt_from_what_surrounds_them(recipe_data: Make, tmp_path: Path) -> None:
    """The mark at the sentence's end cannot be told from a view that hides it; determiners can, from their nouns."""
    data = helped(recipe_data, epochs=6)
    run = Run(validate_recipe(data), tmp_path / "model")
    builder, model = run.trainer.builder, run.trainer.model.eval()
    batch = builder("ud", [0, 1, 2])
    assert set(batch.views) == {"masked", "people"}
    # Only hidden words are targets, and the mean is over them.
    found = batch.targets["masked"]
    masked = batch.views["masked"]
    mask = run.experiment.bundle.encoder.tokenizer.mask_token_id
    hidden = (masked.input_ids == mask).sum().item()
    assert found.count == hidden > 0
    # Only words are hidden: each row still begins and ends as it must, and padding is padding.
    tokenizer = run.experiment.bundle.encoder.tokenizer
    ends = (masked.input_ids != tokenizer.pad_token_id).sum(1, keepdim=True) - 1
    assert (masked.input_ids[:, 0] == tokenizer.cls_token_id).all()
    assert (masked.input_ids.gather(1, ends) == tokenizer.sep_token_id).all()
    assert (masked.input_ids == tokenizer.sep_token_id).sum() == len(ends)
    with torch.no_grad():
        both = model(batch.words, tasks=("upos", "masked"), targets=batch.targets, views=batch.views)
        alone = model(masked, tasks=("masked",), targets={"masked": found})
        plain = model(batch.words, tasks=("upos",), targets=batch.targets)
    torch.testing.assert_close(both["masked"], alone["masked"])
    torch.testing.assert_close(both["upos"], plain["upos"])
    scores = [e.scores["masked"] for e in run.events() if isinstance(e, Evaluated)]
    assert scores[-1].values["words"] < sum(len(words) for words in run.experiment.dev["ud"].words(range(12)))
    assert scores[-1].main_value > 0.3
    # Scored the same each time.
    (again, _), (once_more, _) = run._evaluate(), run._evaluate()
    assert again["masked"] == once_more["masked"]


def test_replaced_words_and_the_identity_of_words(recipe_data: Make, tmp_path: Path) -> None:
    data = copy.deepcopy(recipe_data(["upos"], epochs=3))
    data["tasks"]["replaced"] = {"hint": {"maker": "replaced"}, "view": {"mask": 0.3}, "place": 4}
    data["tasks"]["identity"] = {"hint": {"maker": "word", "options": {"vocabulary": 20}}, "place": 1}
    data["tasks"]["denoised"] = {
        "hint": {"maker": "word", "options": {"vocabulary": 20}},
        "view": {"mask": 0.3, "random": 0.5, "kept": 0.0, "answer": "all"},
        "place": 4,
    }
    run = Run(validate_recipe(data), tmp_path / "model")
    batch = run.trainer.builder("ud", [0, 1, 2])
    words = sum(batch.words.lengths)
    # All words are answered for, and the label says whether the view's subword is the sentence's.
    assert {task: t.count for task, t in batch.targets.items()} == dict.fromkeys(batch.targets, words)
    space = run.experiment.bundle.tasks["replaced"].labels["labels"]
    assert sorted(space) == ["original", "replaced"]
    labels = batch.targets["replaced"].tensors["labels"][batch.words.word_mask]
    changed = batch.views["replaced"].input_ids != batch.words.input_ids
    assert changed.sum() == (labels == space.index("replaced")).sum() > 0
    scores = [event.scores for event in run.events() if isinstance(event, Evaluated)][-1]
    # Of every word, hidden from the corpus itself: whoever calls all of them original has the share that is.
    assert scores["replaced"].values["words"] == scores["identity"].values["words"]
    assert 0.6 < run.baselines["replaced"].main_value < 0.85
    (again, _), (once_more, _) = run._evaluate(), run._evaluate()
    assert again["replaced"] == once_more["replaced"]
    assert scores["identity"].main_value > 0.6
    assert scores["denoised"].values["words"] == scores["identity"].values["words"]
    assert set(load_bundle(tmp_path / "model").tasks) == {"upos"}


def test_a_perturbed_neighbour_that_is_hidden_changes_no_answer(recipe_data: Make) -> None:
    """To the bit, whatever stands behind a mask: neither the word that is asked for nor another hidden one tells."""
    run = prepare(validate_recipe(helped(recipe_data)))
    model, corruption = run.bundle.model.eval(), run.corruptions["masked"]
    encoder, split = run.bundle.encoder, run.train["ud"]
    [sentence], [words] = split.subwords([0]), split.words([0])
    hidden = corruption([sentence], [words], seed=[5]).chosen
    assert hidden is not None
    [chosen] = hidden
    assert sum(chosen) >= 2
    other = encoder.encode([["nurse" if c else word for word, c in zip(words, chosen, strict=True)]])[0]

    def answers(read: Any) -> torch.Tensor:
        [changed] = corruption([read], [words], seed=[5]).sentences
        with torch.no_grad():
            return model(collate([changed], encoder), tasks=("masked",))["masked"].scores

    assert other != sentence
    assert torch.equal(answers(sentence), answers(other))


def test_shares_of_votes_from_the_corpus_to_the_targets(recipe_data: Make, tmp_path: Path) -> None:
    data = copy.deepcopy(recipe_data(["mood"], epochs=1))
    for split in ("train", "dev"):
        lines = [json.loads(line) for line in Path(data["corpora"]["talk"][split]).read_text().splitlines()]
        for number, line in enumerate(lines):
            line["votes"] = {"happy": number % 4, "plain": 1} if number % 2 else None
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        data["corpora"]["talk"][split] = str(tmp_path / f"{split}.jsonl")
    data["corpora"]["talk"]["options"]["columns"]["votes"] = "votes"
    data["corpora"]["talk"]["options"]["types"]["votes"] = "distribution"
    data["tasks"]["mood"]["options"]["votes"] = "votes"
    data["probe"] = {"epochs": 1, "control": False}
    assert set(probe(validate_recipe(data), tmp_path / "probe").tasks) == {"mood"}
    run = Run(validate_recipe(data), tmp_path / "model")
    space = run.experiment.bundle.tasks["mood"].labels["labels"]
    soft = run.trainer.builder("talk", [1, 3]).targets["mood"].tensors["soft"]
    assert soft[:, space.index("happy")].tolist() == [0.5, 0.75]
    assert soft.sum(1).tolist() == [1, 1]
    # Scores are those of the label, and need no votes.
    assert [event.scores["mood"].values["sentences"] for event in run.events() if isinstance(event, Evaluated)] == [10]


def test_a_number_beside_its_bucket_and_adversaries_at_two_layers(recipe_data: Make) -> None:
    data = copy.deepcopy(recipe_data(["length"]))
    options = {"column": "length", "edges": [5.0, 7.0]}
    data["tasks"]["bucket"] = {"hint": {"maker": "column", "options": options}, "place": 4}
    for layer in (1, 3):
        hint = {"maker": "column", "options": {"column": "length"}}
        data["tasks"][f"against_{layer}"] = {"hint": hint, "place": layer, "reversal": {}}
    found = prepare(validate_recipe(data))
    assert found.bundle.tasks["bucket"].labels["labels"] != []
    rows = list(found.train["talk"].rows())
    expected = [None if r["length"] is None else str((r["length"] >= 5) + (r["length"] >= 7)) for r in rows]
    # A seventh of the sentences lacks the number: it has no bucket either, and costs nothing.
    assert [row["bucket"] for row in rows] == expected
    assert None in expected
    assert {found.bundle.model.places[f"against_{layer}"].high for layer in (1, 3)} == {1, 3}
    assert set(found.bundle.model.reversal) == {"against_1", "against_3"}


def test_what_helpers_may_not_do(recipe_data: Make) -> None:
    def told(change: Callable[[dict[str, Any]], object]) -> str:
        data = helped(recipe_data)
        change(data)
        with pytest.raises(HierNLPError) as error:
            validate_recipe(data)
        return str(error.value)

    assert "'shape' is auxiliary" in told(lambda d: d["feeds"].append({"from": "shape"}))
    assert "is fed nothing" in told(lambda d: d["feeds"].append({"from": "upos", "to": "adversary"}))
    assert "at least one task that is not auxiliary" in told(
        lambda d: [t.update(auxiliary=True) for t in d["tasks"].values()]
    )
    assert "choose by another task" in told(lambda d: d["training"].update(select="dependencies"))
    assert "a hint is auxiliary" in told(lambda d: d["tasks"]["shape"].update(auxiliary=False))
    assert "did you mean 'lexicon'" in told(lambda d: d["tasks"]["people"]["hint"].update(maker="lexikon"))
    assert "tasks.people.hint.options.word: unknown key" in told(
        lambda d: d["tasks"]["people"]["hint"].update(options={"word": "positive"})
    )
    assert "expected an auxiliary task" in told(lambda d: d["tasks"]["upos"].update(view={"mask": 0.1}))
    assert "can feed no other task" in told(lambda d: d["feeds"].append({"from": "masked", "to": "shape"}))
    assert "goes with the label maker `replaced`" in told(
        lambda d: d["tasks"]["masked"]["view"].update(answer="replaced")
    )
    assert "goes with the label maker `replaced`" in told(
        lambda d: d["tasks"].update(found={"hint": {"maker": "replaced"}, "view": {"answer": "all"}})
    )
    assert "give a layer" in told(lambda d: d["tasks"].update(found={"hint": {"maker": "replaced"}, "place": "auto"}))
    assert "tasks.shape.schedule" in told(lambda d: d["tasks"]["shape"].update(schedule={"until": 1.5}))


def test_helpers_with_nothing_to_tell_apart(recipe_data: Make) -> None:
    data = helped(recipe_data)
    data["tasks"]["people"]["hint"] = {"maker": "number"}
    with pytest.raises(HierNLPError, match=r"tasks.people.hint.options: expected two labels .* found 'no' everywhere"):
        prepare(validate_recipe(data))
    data = helped(recipe_data)
    data["tasks"]["adversary"] = {"hint": {"maker": "corpus"}, "reversal": {}}
    with pytest.raises(HierNLPError, match=r"tasks.adversary.hint.options: .* found 'ud' everywhere"):
        prepare(validate_recipe(data))


def test_variants_of_a_recipe_with_helpers(recipe_data: Make) -> None:
    recipe = validate_recipe(helped(recipe_data))
    assert recipe.main_tasks == MAIN
    assert list(single_task(recipe, "upos").tasks) == ["upos"]
    assert not single_task(recipe, "dependencies").tasks["dependencies"].auxiliary
    gated = helped(recipe_data)
    gated["tasks"]["dependencies"]["gate"] = {"method": "similarity"}
    assert single_task(validate_recipe(gated), "dependencies").tasks["dependencies"].gate is None
    with pytest.raises(HierNLPError, match="not trained alone"):
        single_task(recipe, "shape")
    idle = validate_recipe(helped(recipe_data, weight=0.0))
    assert list(without_idle_helpers(idle).tasks) == MAIN


def test_helpers_and_the_probe(recipe_data: Make, tmp_path: Path) -> None:
    data = helped(recipe_data, epochs=1)
    data["tasks"]["people"]["place"] = "auto"
    data["tasks"]["shape"] |= {"place": "auto", "weight": 0.0}  # an idle helper is not probed either
    data["probe"] = {"sentences": 20, "epochs": 1}
    trained(data, tmp_path / "model")
    bundle = load_bundle(tmp_path / "model")
    saved = validate_recipe(bundle.recipe)
    assert isinstance(saved.tasks["people"].place, int)
    # Of a trained model, the tasks that were saved are probed.
    found = probe(saved, tmp_path / "probe", bundle=bundle)
    assert set(found.places) == set(MAIN)
