"""What the service allows; every limit has an answer of its own."""

from __future__ import annotations

from pydantic import Field

from hiernlp.settings import Settings


class ServerSettings(Settings):
    """Limits of the service."""

    max_characters: int = Field(default=100_000, ge=1)
    """Most characters of all texts of one request (413 beyond)."""
    max_texts: int = Field(default=64, ge=1)
    """Most texts or pairs of one request (413 beyond)."""
    max_body: int = Field(default=2_000_000, ge=1)
    """Most bytes of a request's body, whatever is in it; no more is ever held (413 beyond)."""
    queue: int = Field(default=256, ge=1)
    """Most requests that wait for the model (429 beyond)."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds in which a request must have arrived whole (408 beyond), and then be answered (503 beyond)."""
    batch_characters: int = Field(default=20_000, ge=1)
    """Waiting requests are analysed together up to about so many characters; a longer text is analysed by itself."""
    grace: float = Field(default=30.0, ge=0)
    """Seconds that requests under way have to end when the service is told to stop."""
