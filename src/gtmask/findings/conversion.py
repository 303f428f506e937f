"""Every finding of reading and painting: what ``gtmask inspect`` and ``gtmask convert`` count.

They are declared here and not where they are found: ``gtmask finish`` tells of findings from part files,
without a reader.
"""

from __future__ import annotations

from gtmask.findings.registry import declare

declare("loss", [
    ("classes-foreign", "The class map knows none of the labels, so that all masks are background.",
     "Correct the class map, or make one with `gtmask classes`; then convert again with --overwrite."),
    ("shape-few-points", "A polygon with fewer than three distinct points has no area.",
     "Delete it in the labeling tool, or paint it with --stroke if it is a line."),
    ("shape-bad-number", "A coordinate is missing, not a number, infinite or beyond ±2^30.",
     "Correct the shape in the labeling tool."),
    ("shape-odd-count", "A flat list of coordinates has an odd length, so x and y cannot be paired.",
     "Export again; if that does not help, report it to the makers of the labeling tool."),
    ("shape-bad-geometry", "The geometry of the shape is not written as the format requires.",
     "Correct or delete the shape; the detail says what was found."),
    ("shape-no-geometry", "The annotation has a label but no geometry that could be painted.",
     "Nothing, if it is meant to be a tag or a box without an outline."),
    ("shape-unknown-label", "The class map does not know this label.",
     "Add the label to classes.toml, to a class or to `ignore`."),
    ("shape-no-label", "The shape has no label.", "Give it a label in the labeling tool."),
    ("shape-no-area", "Points and lines have no area, so they were not painted.",
     "Paint them N pixels wide with --stroke N, if they are wanted."),
    ("shape-kind-unsupported", "Shapes of this kind cannot be painted (cuboids, skeletons, ...).",
     "Convert them to polygons in the labeling tool."),
    ("shape-outside", "The shape lies wholly outside the image.", "Check the image's size and orientation."),
    ("runs-bad", "A run-length mask (RLE) is malformed, or its runs do not add up to its size.",
     "Export again from the labeling tool."),
    ("runs-size-differs", "A run-length mask (RLE) has another size than the image.",
     "Export again from the image that was labeled; a mask is never scaled."),
    ("bitmap-unreadable", "A bitmap inside the export cannot be decoded.", "Export again."),
    ("bitmap-size-differs", "A bitmap that should cover the whole image has another size than the image.",
     "Export again from the image that was labeled; a mask is never scaled."),
    ("bitmap-value-unknown", "A picture of segments has values that the export does not list: background.",
     "Export again: the list of segments and the picture are not of one time; the detail counts the pixels."),
    ("bitmap-missing", "A bitmap that the export names is not there.", "Put the file beside the export."),
    ("annotation-orphan", "An annotation names an image that the export does not list.",
     "Export again, or add the image to the export's image list."),
    ("annotation-bad", "An annotation is not written as the format requires.",
     "Export again; the detail says where in the export it is."),
    ("classes-unread", "A file that lists the classes cannot be read or does not parse; it was left out.",
     "Correct the file: without it, classes come in another order or under numbers."),
    ("value-type", "A member is of another type than the format prescribes: it counts as absent.",
     "Correct it or export again; the detail names the member, the type met and the place."),
    ("element-unaccounted", "An element of the export left no shape, and its reader did not say why.",
     "This is a fault of gtmask: please report it with the element."),
    ("frame-not-annotated", "A video frame between two keyframes has no shapes of its own.",
     "Convert with --interpolate, which computes the polygons and boxes between keyframes."),
    ("document-damaged", ("A file of the export breaks off or is malformed; only what comes before the "
     "damage was read."),
     "Export again."),
])  # fmt: skip

declare("guess", [
    ("images-unread", ("No image was found, so the sizes in the export were trusted, and EXIF rotation was "
     "not looked at."),
     ("Give --images with the folder or prefix of the images; the manifest refers to where they were looked "
     "for.")),
    ("size-differs", "The export's image size differs from the image's header.",
     ("If the image was resized after labeling, its shapes are in the wrong place: --size check rejects such "
     "images.")),
    ("label-number", "The name of a class is a number; it was written out as the class's name.",
     "Nothing, if classes are numbered; else give them names in the labeling tool."),
    ("ring-doubled", "A ring is there twice in one shape; it counts once, else it would be its own hole.",
     "Delete the copy in the labeling tool."),
    ("label-duplicate", "The export lists the same class name under several ids; they are merged.",
     "Nothing, if they are the same class."),
    ("label-group", ("A label of a group was read as the class of its members (`cargroup` in Cityscapes as "
     "`car`)."), "Nothing, if a group may be painted as its class."),
    ("annotation-chosen", ("Several people annotated this image; one annotation was used, by the rule in "
     "docs/formats.md."),
     "Choose another annotator with --annotator."),
    ("label-several", "A shape has several labels; it was painted as the first one.",
     "Label it once, or add the other labels' areas as shapes of their own."),
    ("class-attribute-guessed", "Regions have several attributes; one of them was taken as the class.",
     "Name the right one with --class-attribute."),
    ("box-painted", "A bounding box was painted as a filled rectangle, since the shape has no finer outline.",
     "Nothing, if a rectangle will do."),
    ("orientation-turned", "EXIF rotates this image, so the mask was rotated as --orientation says.",
     "Look at a preview before the job starts."),
    ("image-rotation", "The tool showed the image rotated; its geometry is in the unrotated image.",
     "Look at a preview before the job starts."),
    ("key-collision", ("Two images would have got the same mask file; both masks keep the image's extension "
     "in their names."),
     "Nothing; the manifest names the right ones."),
])  # fmt: skip

declare("note", [
    ("record-size-none", "The export gives a size of zero or less, which was treated as no size.",
     "Nothing, where the image's header can be read."),
    ("shape-ignored", "The class map says to leave this label out (`ignore`).", "Nothing, if that is right."),
    ("annotation-cancelled", "The annotator skipped or cancelled this annotation.", "Nothing."),
    ("annotation-superseded", "Another annotation of the same image was used instead.",
     "Choose another annotator with --annotator, if that is the wrong one."),
    ("prediction-left-out", "A prediction of a model was left out.",
     "Use predictions with --include-predictions."),
    ("shape-deleted", "The tool marks this shape as deleted or outside the frame.", "Nothing."),
    ("shape-covered", "A shape is wholly covered by later ones.",
     "Check the order of the shapes, or choose another with --overlap."),
    ("file-skipped", "Some files of the export are not annotations and were not read.", "Nothing."),
    ("image-format", "Ground Truth shows only images whose names end in .jpg, .jpeg or .png.",
     "Convert the image before the job: `gtmask validate` calls this an error."),
    ("bitmap-value-absent", "The export lists a segment or class of which its picture has no pixel.",
     "Nothing, if the picture's classes are those of all images; else export again."),
    ("image-unannotated", "The image has no annotation at all; its mask is all background.",
     "Nothing, if the image is meant to be empty."),
    ("label-placeholder", "Roboflow's category 0 only names the group of the others; it is no class.",
     "Nothing."),
    ("box-grouped", "A box was not painted: its group has a polygon or a mask of the same object.",
     "Nothing."),
])  # fmt: skip

declare("reject", [
    ("image-duplicate", "The export lists this image more than once; its first record became the mask.",
     "Merge the annotations of the image in the labeling tool, or delete those that are wrong."),
    ("image-ambiguous", ("Several images fit what the export calls this one, or images of several subsets "
     "or folders go by this name and only one is there."),
     "Give --images the folder above those of the subsets, or make the names of the images unique."),
    ("image-missing", "The image cannot be found below --images.",
     "Check --images and how the export names its images (docs/images.md)."),
    ("image-unreadable", "The file is damaged or is not an image of a known format.", "Replace the file."),
    ("image-too-large", "The image has more pixels than a mask may have.", "Scale or tile the image."),
    ("image-name-bad", "The image's name is missing, or cannot be the name of a file or an S3 key.",
     "Rename the image."),
    ("image-size-unknown", "Neither the export nor the image's header gives the size of the image.",
     "Give --images with the folder or prefix of the images, so that their headers can be read."),
    ("image-size-differs", "The image's header and the export give different sizes (--size check).",
     "Export again from the images that are to be labeled."),
    ("record-bad", "The annotations of this image are not written as the format requires.", "Export again."),
    ("record-size-bad", "The export gives a size that is not a number of pixels.", "Export again."),
    ("record-unannotated", "The task was never annotated, so there is nothing to review.",
     "Convert with --include-unannotated to give it an all-background mask."),
    ("record-skipped", "Every annotation of this image was cancelled or skipped.",
     "Label the image, or leave it out."),
    ("image-id-shared", "Several images share one id, so their annotations cannot be told apart.",
     "Give each image an id of its own; when exports are merged, their images need new ids."),
])  # fmt: skip
