"""The measuring instrument: networks in, Residual Jacobians and singular triplets out."""
