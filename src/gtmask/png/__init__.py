"""Single-channel 8-bit PNGs: encoder and decoder for label masks."""
