"""The networks: every family, its configuration, and weights read from files."""
