"""Which layer suits a task, and which tasks help which."""
