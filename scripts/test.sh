#!/usr/bin/env bash
# One command: an environment with the exact versions, then the tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/pytest ]; then
    [ -d .venv ] || python3 -m venv .venv
    .venv/bin/pip install --quiet --constraint constraints.txt --editable ".[dev]"
fi
exec .venv/bin/python -m pytest "$@"
