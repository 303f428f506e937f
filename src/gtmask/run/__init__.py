"""The run: plan, chunks, workers, commits."""
