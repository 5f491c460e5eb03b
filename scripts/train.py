"""Train by a recipe, alone or under ``accelerate launch`` on several processes.

python scripts/train.py sample --output model
accelerate launch --num_processes 2 scripts/train.py sample --output model --set training.epochs=3
"""

from __future__ import annotations

import sys

from hiernlp.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "train")
    main()
