"""The pages: what a browser shows."""
