"""The script of the joint many-task table: its variants can be trained, and its command can be repeated elsewhere."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest

from hiernlp.recipe import load_recipe, resolve_feeds, resolve_place


@pytest.fixture
def reproduce(script):
    return script("reproduce_jmt")


@pytest.fixture
def report(script):
    return script("_jmt_report")


def test_all_variants_fit_the_encoders_six_layers(reproduce):
    for title, changes in reproduce.VARIANTS.items():
        recipe = load_recipe(reproduce.RECIPE, overrides=changes)
        places = {task: resolve_place(task, settings, depth=6) for task, settings in recipe.tasks.items()}
        assert len(resolve_feeds(recipe.feeds, places, depth=6)) == len(recipe.feeds), title


@pytest.mark.parametrize("data", [["--data", "data"], ["--data=data"], ["--data", "."]])
def test_the_command_names_no_folder_of_this_machine(reproduce, data):
    shown = reproduce.repeating(["scripts/reproduce_jmt.py", *data, "--set", "a.b=c d", "--only-report"])
    joined = "--data=" if "=" in data[0] else "--data "
    assert shown == f"python scripts/reproduce_jmt.py {joined}path/to/corpora --set 'a.b=c d'"


@pytest.fixture
def planned(reproduce, tmp_path):
    def plan(data="data", seeds="1,2", changes=()):
        given = Namespace(
            data=tmp_path / data,
            output=tmp_path / data / "models",
            records=tmp_path / "records",
            seeds=seeds,
            variant_seeds="1",
            variant_share=0.25,
            set=list(changes),
        )
        joint, untaught, single, variants = reproduce.plan(given)
        return [*joint, *untaught, *(run for each in (single, variants) for runs in each.values() for run in runs)]

    return plan


def test_what_the_user_sets_holds_for_every_run(planned):
    for run in planned(changes=["training.epochs=1", "corpora.sick.repeat=4", "corpora.ewt.train=my/own.conllu"]):
        trees = [corpus.train for name, corpus in run.recipe.corpora.items() if name == "ewt"]
        assert all(file.endswith("my/own.conllu") for files in trees for file in files), run.name
        repeats = [corpus.repeat for name, corpus in run.recipe.corpora.items() if name == "sick"]
        assert (run.recipe.training.epochs, repeats) in [(1, []), (1, [4])], run.name


def finish(run):
    log = run.folder / "training" / "log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(json.dumps({"event": "end", "reason": "finished"}) + "\n")


def record(run, **found):
    run.record.parent.mkdir(exist_ok=True)
    run.record.write_text(json.dumps({"recipe": run.digest, **found}))


def test_what_is_taught_comes_after_its_teachers(reproduce, planned):
    runs = reproduce.to_do(planned())
    names = [run.name for run in runs]
    needed = {teacher.name for run in planned() for teacher in run.all_teachers}
    assert sorted(names) == sorted({run.name for run in planned()} | needed)
    for run in runs:
        assert all(names.index(teacher.name) < names.index(run.name) for teacher in run.all_teachers)
    taught = next(run for run in runs if run.name == "joint.seed-1")
    seeds = {task: [each.recipe.training.seed for each in theirs] for task, theirs in taught.teachers.items()}
    assert seeds == {task: list(theirs) for task, theirs in reproduce.TAUGHT.items()}
    for teacher in taught.all_teachers:
        assert reproduce.first_ready([taught]) is None
        finish(teacher)
    assert reproduce.first_ready([taught]) is taught


def test_a_recorded_teacher_is_trained_again_where_its_model_is_not_there(reproduce, planned):
    runs = planned(seeds="1")
    taught = next(run for run in runs if run.name == "joint.seed-1")
    for run in runs:
        if run is not taught:
            record(run)
    assert len(reproduce.to_do(runs)) == 1 + len(taught.all_teachers)
    first, *others = taught.all_teachers
    finish(first)
    assert {run.name for run in reproduce.to_do(runs)} == {taught.name} | {teacher.name for teacher in others}
    record(taught)
    assert reproduce.to_do(runs) == []


def test_a_record_is_of_its_recipe_wherever_the_files_lie(planned):
    here, there = ({run.name: run.digest for run in planned(data)} for data in ("data", "elsewhere/data"))
    assert here == there
    assert len(set(here.values())) == len(here)


def test_the_page_tells_seeds_dates_and_speed_of_what_is_recorded(report, planned):
    runs = planned(seeds="1,2,3")
    joint = [run for run in runs if run.name.startswith("joint.")]
    done = {1: ("2026-01-02", 400), 3: ("2026-01-01", 500)}
    for run in joint:
        seed = run.recipe.training.seed
        if seed in done:
            date, speed = done[seed]
            record(run, seed=seed, date=date, precision="float32", versions={"torch": "2"}, words_per_second=speed)
    others = [run for run in runs if run not in joint]
    lines = report.facts({"joint": joint, "others": others}, command="go", joint=joint).splitlines()
    assert lines == [
        "- command: `go`",
        "- seeds: joint: 1, 3",
        f"- runs: 2 of {len(runs)} recorded, 2026-01-01 to 2026-01-02",
        "- versions: torch 2",
        "- precision: float32 in 2 runs",
        "- training, joint: 450 words a second a process",
    ]
