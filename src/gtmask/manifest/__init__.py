"""The augmented manifest of Ground Truth: its contract, and one line of it written and read.

One JSON object per image: ``source-ref`` names the image; a label attribute ``<name>-ref`` names a mask, and
``<name>-ref-metadata`` says what its pixel values mean. A finished job adds one more attribute to each line.
"""
