"""The beats of a song: where they are, what place each has in its bar, how loud it is there."""
