"""From texts to vectors: the model, how it is exported, and how it is run."""
