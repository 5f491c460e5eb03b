"""The tables of a page on speed, made of what the benchmark found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


def has_marks(page: Path) -> bool:
    """Tell whether a page has the marks between which the tables go."""
    return page.is_file() and BEGIN in (text := page.read_text(encoding="utf-8")) and END in text.split(BEGIN, 1)[1]


def write(page: Path, found: Mapping[str, Any]) -> None:
    """Write the tables between the marks of a page."""
    head, rest = page.read_text(encoding="utf-8").split(BEGIN, 1)
    text = tables(found)
    page.write_text(f"{head}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def tables(found: Mapping[str, Any]) -> str:
    """Return the benchmark's ratios, and of each choice its speed and the answers that stayed the same."""
    analysis = found["analysis"]
    speed = analysis["words_per_second"]
    best = analysis["best bare encoder"]
    rows = [(f"all tasks / {best} a batch", analysis["all tasks / bare encoder"], "all tasks", best)]
    rows.append(
        (f"{analysis['lowest task']} / all tasks", analysis["lowest task / all tasks"], "lowest task", "all tasks")
    )
    if "pipelines" in analysis:
        what = f"all tasks / {analysis['pipelines']}"
        rows.append((what, analysis["all tasks / pipelines"], "all tasks", "pipelines"))
    lines = ["| analysis | ratio | words a second |", "| --- | --- | --- |"]
    lines += [f"| {what} | {ratio:.3f} | {speed[a]:,} / {speed[b]:,} |" for what, ratio, a, b in rows]
    if "training" in found:
        training = found["training"]
        speed, ratio = training["words_per_second"], training["training / bare encoder"]
        of_each = f"{speed['training']:,} / {speed['bare encoder']:,}"
        lines.append(f"| training / bare encoder, forward and backward | {ratio:.3f} | {of_each} |")
    text = (
        f"{found['date']}; {found['machine']}; {', '.join(analysis['tasks'])}; {analysis['words']:,} words; medians of "
        f"{analysis['rounds']} rounds.\n\n" + "\n".join(lines) + "\n"
    )
    if not analysis["choices"]:
        return text
    tasks = analysis["tasks"]
    lines = [
        f"| choice | speed / float32 | same answers: {' | '.join(tasks)} |",
        "| --- " * (2 + len(tasks)) + "|",
    ]
    for name, choice in analysis["choices"].items():
        same = " | ".join(f"{choice['same answers'][task]:.2f}" for task in tasks)
        lines.append(f"| {name} | {choice['ratio']:.2f} | {same} |")
    return text + "\n" + "\n".join(lines) + "\n"
