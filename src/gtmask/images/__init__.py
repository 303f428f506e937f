"""Image headers, and the images that an export's references name."""
