"""Words and sentences, what they are about, and what a few of them tell of the whole."""
