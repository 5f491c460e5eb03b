"""The service: a trained model behind HTTP, with a page to look at its analyses. It needs the extra ``server``."""
