"""Words and sentences, and what is made of them: query terms, keywords, summary, language."""
