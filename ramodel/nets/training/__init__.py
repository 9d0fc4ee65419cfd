"""Training: the objective, the optimisers, checkpoints, devices."""
