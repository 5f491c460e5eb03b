"""From text to annotated documents, and from documents to text, JSON, CoNLL-U and pictures."""
