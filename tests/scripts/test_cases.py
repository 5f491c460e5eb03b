"""What the scripts of worked cases share."""

import sys

import pytest


@pytest.fixture
def cases(script):
    return script("_cases")


def test_a_command_shows_no_path_of_the_machine(cases, monkeypatch, tmp_path):
    given = ["gum", "--data", str(tmp_path / "gum"), f"--page={tmp_path / 'page.md'}", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "reproduce.py"), *given, "--seeds", "1,2"])
    shown = cases.made_by()
    assert "`python scripts/reproduce.py gum --data path/to/gum --seeds 1,2`" in shown
    assert str(tmp_path) not in shown


def test_a_part_is_replaced_and_the_rest_of_the_page_stays(cases, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\nafter\n", encoding="utf-8")
    cases.write(page, "a", "new\n")
    assert page.read_text(encoding="utf-8") == "# Title\n\n<!-- a: begin -->\nnew\n<!-- a: end -->\n\nafter\n"


def test_a_part_without_marks_gets_them_at_the_end(cases, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n", encoding="utf-8")
    cases.write(page, "b", "new\n")
    assert page.read_text(encoding="utf-8") == "# Title\n\n<!-- b: begin -->\nnew\n<!-- b: end -->\n"


def test_one_value_has_no_spread(cases):
    assert [cases.spread(values) for values in ([], [1.0], [1.0, 3.0])] == ["–", "1.00", "2.00 ± 1.41"]
