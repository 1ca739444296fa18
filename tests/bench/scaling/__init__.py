"""A day of workers that follow the work, played through: `scripts/bench scaling`."""
