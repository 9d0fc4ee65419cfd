"""From products with Jacobians to their top singular triplets."""
