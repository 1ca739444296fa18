"""Schedules: submissions that are made again and again."""
