"""From words to batches: subwords with alignment, windows for long input, token-budget batches, collation."""
