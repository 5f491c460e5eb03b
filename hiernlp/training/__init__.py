"""Training: task sampling, the loop, checkpoints and resume, reports."""
