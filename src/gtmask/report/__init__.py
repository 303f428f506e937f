"""What a person looks at: inspection, previews, the demo."""

from gtmask.report.inspection import Inspection, inspect
from gtmask.report.overlays import Preview, preview

__all__ = ["Inspection", "Preview", "inspect", "preview"]
