"""Which tasks share which layers: one scheme a file."""
