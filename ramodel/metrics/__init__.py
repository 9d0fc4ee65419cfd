"""Arrays in, numbers out: RA1-RA4 measured on states, Jacobians and singular triplets."""
