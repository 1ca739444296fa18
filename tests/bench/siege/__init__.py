"""`scripts/bench siege`: everything that means harm at once, and what a good caller sees of it."""
