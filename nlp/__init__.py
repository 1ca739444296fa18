"""What an analysis is: pure functions on plain data, with no I/O but the model files.

Nothing here knows of Redis, Taskiq, HTTP, the environment or tracing. What a caller may
tune arrives as a policy, what a stage took leaves as a `StageRun`.
"""
