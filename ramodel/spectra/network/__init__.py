"""Looking at a network: where its residual blocks are, what they are called with, and where the skip is."""
