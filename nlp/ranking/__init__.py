"""A job's articles beside each other, and which of them are kept."""
