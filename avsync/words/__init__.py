"""Words: when each word of a text is said, and a text where there is none.

    cue text ──► tokens ──► Whisper's decoder ──► cross-attention ──► monotonic path ──► words

The only package that knows Whisper. A text is given to the decoder as if it had just written it
(teacher forcing), and where in the sound its alignment heads look for each token is where that
token is said.
"""
