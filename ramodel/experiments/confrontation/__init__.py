"""The confrontation of sweeps, and of one own network, with the theory."""
