"""Kills processes at random moments under a steady load, and counts what came of the jobs."""
