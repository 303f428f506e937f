"""The way back: a finished job's output becomes masks, labels to train with, and what to ask again."""
