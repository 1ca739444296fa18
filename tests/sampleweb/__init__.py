"""A web of our own, for the demo and the tests: articles, feeds, searches, and troubled pages."""
