"""``gtmask prepare``: copies of images that Ground Truth can show, and a table from old to new."""
