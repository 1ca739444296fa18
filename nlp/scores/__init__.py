"""The scores of one article, and the scorecard that combines them."""
