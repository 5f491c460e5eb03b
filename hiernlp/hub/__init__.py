"""The model folder: saving, loading, the model card."""

from __future__ import annotations

from hiernlp.hub.folder import Bundle, load_bundle, save_bundle

__all__ = ["Bundle", "load_bundle", "save_bundle"]
