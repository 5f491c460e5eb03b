"""Doors into other libraries: a component of spaCy's pipelines, and transformers' Auto classes and pipelines."""
