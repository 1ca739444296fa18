"""What all requests and responses share: bodies, negotiation, problems, security, traces."""
