"""Runs of the joint many-task table: what is still to be done of them, and the records that tables are made of."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from hiernlp.experiment import dumped
from hiernlp.recipe import Recipe, load_recipe, with_training


@pytest.fixture
def records(script):
    return script("_jmt_records")


@pytest.fixture
def report(script):
    return script("_jmt_report")


def recipe_in(folder: str):
    return load_recipe(
        "sick", overrides=[f"corpora.sick.{split}={folder}/sick/{split}.tsv" for split in ("train", "dev", "test")]
    )


@pytest.fixture
def run(records, tmp_path):
    return records.Run(
        name="joint.seed-1",
        recipe=recipe_in("/here"),
        folder=tmp_path / "joint" / "seed-1",
        record=tmp_path / "records" / "joint.seed-1.json",
        gold=tmp_path / "gold.conllu",
    )


def recorded(run, **scores: float):
    """Return the run with a record of these test scores of UPOS accuracy and the like."""
    run.record.parent.mkdir(parents=True, exist_ok=True)
    figures = {task: {"main": "accuracy", "values": {"accuracy": score}} for task, score in scores.items()}
    run.record.write_text(
        json.dumps(
            {
                "recipe": run.digest,
                "seed": 1,
                "precision": "float32",
                "words_per_second": 5,
                "dev": figures,
                "test": figures,
            }
        )
    )
    return run


def test_where_the_corpora_lie_makes_no_other_run(run):
    assert replace(run, recipe=recipe_in("/there")).digest == run.digest
    assert replace(run, recipe=with_training(run.recipe, seed=2)).digest != run.digest
    assert replace(run, recipe=with_training(run.recipe, epochs=9)).digest != run.digest


def test_machines_that_compute_in_other_numbers_make_no_other_run(run):
    assert replace(run, recipe=with_training(run.recipe, precision="bfloat16")).digest == run.digest


def test_what_is_said_for_people_or_left_as_it_is_makes_no_other_run(run):
    data = dumped(run.recipe)
    data["description"] = "The same in other words."
    del data["tasks"]["entailment"]["options"]["hidden"]
    assert replace(run, recipe=Recipe.model_validate(data)).digest == run.digest
    data["tasks"]["entailment"]["options"]["hidden"] = 7
    assert replace(run, recipe=Recipe.model_validate(data)).digest != run.digest


def test_a_record_of_another_recipe_is_refused(run):
    assert not run.is_recorded()
    recorded(run)
    assert run.is_recorded()
    with pytest.raises(SystemExit, match=r"of another recipe .* delete it"):
        replace(run, recipe=with_training(run.recipe, epochs=9)).is_recorded()


def test_a_run_is_trained_then_scored_then_recorded(run):
    first = run.next_command()
    assert first.arguments[0] == "train"
    assert "--resume" not in first.arguments
    assert load_recipe(first.arguments[1]) == run.recipe
    (run.folder / "training" / "state").mkdir(parents=True)
    (run.folder / "training" / "state" / "progress.json").write_text("{}")
    log = run.folder / "training" / "log.jsonl"
    log.write_text(json.dumps({"event": "end", "step": 3, "reason": "interrupted"}) + "\n")
    assert run.next_command().arguments[0] == "train"
    step = {"event": "step", "step": 3, "words_per_second": 7.4}
    log.write_text(
        "".join(json.dumps(line) + "\n" for line in (step, {"event": "end", "step": 3, "reason": "finished"}))
    )
    scoring = run.next_command()
    assert scoring.arguments[:2] == ["evaluate", str(run.folder)]
    with scoring.taking(BytesIO()) as out:
        out.write(json.dumps({"tasks": {"entailment": {"main": "accuracy", "values": {"accuracy": 0.5}}}}).encode())
    assert run.next_command() == scoring, "what may be half an output does not count"
    scoring.keep_output()
    assert run.next_command() is None
    run.write_record()
    record = json.loads(run.record.read_text())
    assert record["test"]["entailment"]["values"] == {"accuracy": 0.5}
    assert (record["words_per_second"], record["official"]) == (7, {})
    assert run.is_recorded()


def test_a_command_without_output_of_its_own_prints_into_the_log(records):
    log = BytesIO()
    with records.Command(["train"]).taking(log) as out:
        assert out is log


def test_differences_are_those_of_the_records(run, report):
    def named(name: str, score: float):
        return recorded(replace(run, name=name, record=run.record.with_name(f"{name}.json")), entailment=score)

    joint = [named("joint.seed-1", 0.88), named("joint.seed-2", 0.90)]
    single = {"entailment": [named("single.seed-1", 0.85), named("single.seed-2", 0.85)]}
    found = report.differences(joint, single, split="test")
    (row,) = [line for line in found.splitlines() if line.startswith("| entailment")]
    # Welch with one side constant: t(0.975, 1) * 1.414 / sqrt(2) = 12.71.
    assert row == "| entailment | accuracy | 85.00 ± 0.00 | 89.00 ± 1.41 | +4.00 ± 12.71 | no |"
    assert "+4.71%" in found


def test_what_is_not_run_is_said(run, report):
    single = {figure.task: [run] for figure in report.FIGURES}
    assert report.differences([run], single, split="test") == "Not run.\n"
    shown = report.main_table([run], [run], single)
    assert "| **joint** | not run |" in shown
    assert "| joint, without teachers, agreements and lexicon | not run |" in shown
    assert Path(run.record).exists() is False
