"""Which layer suits a task: probes on the frozen encoder, what they say, and how it is shown."""
