"""Tables, figures and the README of a run."""
