"""How good the results are: figures on collections judged by people."""
