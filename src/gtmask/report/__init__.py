"""What a person looks at: inspection, previews, the demo."""
