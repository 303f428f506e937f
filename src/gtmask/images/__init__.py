"""Image headers, and the images that an export's references name."""

from gtmask.images.probe import ImageInfo, probe
from gtmask.images.references import normalize
from gtmask.images.resolve import ImageRule, choose_rule, mask_key

__all__ = ["ImageInfo", "ImageRule", "choose_rule", "mask_key", "normalize", "probe"]
