"""How good the list is: figures on collections that people have judged."""
