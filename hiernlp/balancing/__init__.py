"""From several tasks' losses to one backward pass: one method a file."""
