"""The tables and figures of the papers, each by a recipe in `recipes/` and a runner here."""
