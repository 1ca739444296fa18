"""What every request and response has in common, whatever it is about."""
