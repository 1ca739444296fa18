"""The command `curator`. It talks to the HTTP interface, and imports no framework of the server."""
