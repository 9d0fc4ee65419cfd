"""Batched minimisers over flat torch tensors: they know nothing of what they minimise."""
