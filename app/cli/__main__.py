"""`python -m app.cli`: the command `curator`, where no script directory is on the path."""

from app.cli.main import main

main()
