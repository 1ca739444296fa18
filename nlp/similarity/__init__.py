"""Which articles say the same in the same words, and which tell the same story."""
