"""How people reach the job runner: the HTTP interface, the pages and the command line."""
