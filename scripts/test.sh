#!/usr/bin/env bash
# One command: an environment with the exact versions, then the tests, in a process of one thread for each core.
# Arguments go to pytest; -n 0 runs the tests in its own process.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! .venv/bin/python -c "import pytest, xdist" 2>/dev/null; then
    [ -d .venv ] || python3 -m venv .venv
    .venv/bin/pip install --quiet --constraint constraints.txt --editable ".[dev]"
fi
exec .venv/bin/python -m pytest -n logical --dist worksteal "$@"
