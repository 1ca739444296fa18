"""One process that runs steps, from its start to its end."""
