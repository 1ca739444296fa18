"""The engine: the child process that holds the model and does all CPU work of one worker."""
