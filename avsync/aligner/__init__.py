"""The aligner: cross-attention between token sequences, the path through it, its confidence."""
