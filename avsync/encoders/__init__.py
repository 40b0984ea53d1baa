"""Encoders: each turns one modality into a :class:`~avsync.tokens.TokenSequence`."""
