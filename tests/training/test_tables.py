"""Scores as tables."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from hiernlp.errors import HierNLPError
from hiernlp.training.tables import confusions_table, labels_table, number, scores_table

RESULTS: dict[str, dict[str, Any]] = {
    "upos": {"main": "accuracy", "values": {"accuracy": 0.96512, "macro_f1": 0.9, "words": 25147.0}},
    "relatedness": {"main": "pearson", "values": {"pearson": 0.8, "mse": 0.31}},
}


def shown(table: Any) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=160, color_system=None).print(table)
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]


def test_shares_are_per_cent_counts_and_errors_are_not() -> None:
    assert number("accuracy", 1.0) == "100.00"
    assert number("f1", 0.123456) == "12.35"
    assert number("words", 1234567.0) == "1,234,567"
    assert number("mse", 0.5) == "0.5000"
    assert number("f1", None) == "–"


def test_a_row_a_task_with_what_it_is_compared_with() -> None:
    lines = shown(
        scores_table(RESULTS, baselines={"upos": 0.85}, single={"upos": 0.97, "relatedness": 0.8}, title="Dev")
    )
    assert lines[0] == "Dev"
    assert lines[1] == "task figure score baseline single task difference other figures"
    assert lines[3:] == [
        "upos accuracy 96.51 85.00 97.00 -0.49 macro f1 90.00, words 25,147",
        "relatedness pearson 80.00 – 80.00 0.00 mse 0.3100",
    ]


def test_columns_appear_only_when_asked_for() -> None:
    assert shown(scores_table(RESULTS))[0] == "task figure score other figures"


def test_a_task_that_was_not_scored_is_an_error() -> None:
    with pytest.raises(HierNLPError, match=r"baselines has the task 'upso'.*did you mean 'upos'"):
        scores_table(RESULTS, baselines={"upso": 0.5})


def test_labels_come_by_frequency_and_brackets_are_no_markup() -> None:
    per_label = {
        "[red]": {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 3.0},
        "NOUN": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1200.0},
    }
    assert shown(labels_table(per_label))[2:] == ["NOUN 100.00 100.00 100.00 1,200", "[red] 50.00 25.00 33.33 3"]
    assert labels_table(per_label, most=1).row_count == 1
    assert labels_table({}).row_count == 0


def test_confusions_stay_in_order() -> None:
    confusions = [("NOUN", "PROPN", 1234), ("VERB", "[b]", 5)]
    assert shown(confusions_table(confusions))[2:] == ["NOUN PROPN 1,234", "VERB [b] 5"]
    assert confusions_table(confusions, most=1).row_count == 1
