"""Local folders and S3 prefixes behind one small protocol."""
