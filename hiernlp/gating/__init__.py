"""Gates: how much of what a helper teaches reaches what it shares with the main tasks, learnt in training."""
