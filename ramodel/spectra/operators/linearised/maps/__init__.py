"""The linear maps that a linearised block is made of."""
