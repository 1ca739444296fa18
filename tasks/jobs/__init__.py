"""Jobs: their data, their life cycle, and what clients can do with them."""
