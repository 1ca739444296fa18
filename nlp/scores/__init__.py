"""What is measured of one article, and the card that holds it."""
