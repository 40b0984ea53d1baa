"""Does the mood of the sound agree with the mood of the picture? Valence and arousal of both.

Conventions: valence (displeasing to pleasing) and arousal (calm to excited) lie in [-1, 1], 0 is
neutral (Russell 1980); agreement lies in [-1, 1], 0 is what unrelated sound and picture have.
"""
