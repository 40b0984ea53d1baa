"""Subtitle timing as professionals deliver it: on the film's frames, in step with its shots.

`profiles` holds the rules' numbers, `rules` says what breaks them, `placing` finds the times that
break the fewest. All of it is pure: cues, shot changes and frame times go in, values come out.
"""
