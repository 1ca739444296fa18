"""What each type of job does in its three steps."""
