"""The analysis of articles: pure functions on plain data, with no I/O except the model files.

Nothing here knows Redis, Taskiq, HTTP, the environment or tracing. Settings come in as a policy;
the times of the stages go out as `StageRun`s.
"""
