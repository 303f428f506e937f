"""What the readers of several tools share: look into documents, count what they hold, build records."""
