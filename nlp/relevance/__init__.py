"""How much each of a job's articles is about the query."""
