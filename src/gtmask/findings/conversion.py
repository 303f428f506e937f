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
     "Add the label to the class map (classes.toml): to a class, or to `ignore`."),
    ("shape-no-label", "The shape has no label.",
     "Give it a label in the labeling tool, or all such shapes one with --default-label."),
    ("shape-no-area", "Points and lines have no area, so they were not painted.",
     "If they are wanted, paint them N pixels wide with --stroke N."),
    ("shape-kind-unsupported", "Shapes of this kind cannot be painted (cuboids, skeletons, ...).",
     "Convert them to polygons in the labeling tool."),
    ("shape-outside", "The shape lies wholly outside the image.", "Check the image's size and orientation."),
    ("runs-bad", "A run-length mask (RLE) is malformed, or its runs do not add up to its size.",
     "Export again from the labeling tool."),
    ("runs-size-differs", "A run-length mask (RLE) has another size than the image.",
     "Export again from the image that was labeled; a mask is never scaled."),
    ("bitmap-unreadable", "A bitmap inside the export cannot be decoded.", "Export again."),
    ("bitmap-inexact", "A picture of segments, or of one shape, is saved in a form that changes its colours.",
     "Export again as PNG of 8 bits per colour; a JPEG of segments is not usable."),
    ("bitmap-size-differs", "A bitmap has another size than the image that it should cover, or than its box.",
     "Export again from the image that was labeled; a mask is never scaled."),
    ("bitmap-value-unknown", ("A picture of segments has values that the export does not list; they became "
     "background."),
     "Export again, list and picture together; the detail counts the pixels."),
    ("segment-without-pixels", "The export lists a segment of which its picture has no pixel.",
     "Export list and picture again, together; perhaps the picture was saved in other colours."),
    ("segment-id-shared", ("Segments of several classes have one id or colour in their picture: its pixels "
     "can only be of one of them, and were taken for the last one's."),
     "Correct the list of segments, or export again."),
    ("before-missing", "The mask from before the job is missing: what changed is not known.",
     "Allow the credentials to read it, or give --masks with copies of both masks."),
    ("polygon-differs", ("The COCO polygons do not cover exactly the pixels of this mask, mostly because "
     "they have no holes."),
     "Use --coco rle, which is exact."),
    ("layout-image-missing", "The image cannot be copied beside its mask for training.",
     ("Allow the credentials to read it, or give --images with a folder of copies; where images were "
     "prepared, --image-uri says where they are.")),
    ("image-not-jpeg", "SageMaker's segmentation algorithm trains on JPEG images, and this is none.",
     "Convert the image before training."),
    ("prepare-first-page", "The file has several pages or frames; only the first became an image.",
     "Save each page that counts as a file of its own, and prepare again."),
    ("bitmap-missing", "A bitmap that the export names is not there.", "Put the file beside the export."),
    ("annotation-orphan", "An annotation names an image, or a slot of one, that the export does not list.",
     "Export again, or add the image to the export's image list."),
    ("annotation-bad", "An annotation is not written as the format requires.",
     "Export again; the detail says where in the export it is."),
    ("classes-unread", "A file that lists the classes cannot be read or does not parse; it was left out.",
     "Correct the file: without it, classes come in another order or under numbers."),
    ("value-type", "A member has another type than the format prescribes, and was treated as missing.",
     "Correct it or export again; the detail says which member, which type and where."),
    ("element-unaccounted", "An element of the export left no shape, and its reader did not say why.",
     "This is a fault of gtmask: please report it with the element."),
    ("only-unmet", "Names in the file that --only gives are of no image of the export.",
     "Write them as the export does; `gtmask inspect` shows names. Globs such as *.jpg are possible."),
    ("choice-unmet", "A value that --where or --status gives is of no image of the export.",
     "Write it as the export does: `gtmask inspect` shows the labels, `gtmask formats NAME` the statuses."),
    ("image-maskless", "Images, or names in the export's lists of images, have no mask and get none.",
     "Nothing, if they are not meant to be labeled; else add their masks, or rename them as their images."),
    ("frame-not-annotated", "A track passes a video frame in which it has no shape of its own.",
     "Convert with --interpolate, which computes the polygons and boxes between keyframes and after them."),
    ("manifest-partial", "The manifest is of a run that is not finished: images are missing from it.",
     "Run the same `gtmask convert` again; without --partial such a manifest is refused."),
    ("document-empty", "A document of the export lists no images: their list is empty or missing.",
     "Nothing, if the document is meant to be empty; else export again."),
    ("document-damaged", ("A file of the export breaks off or is malformed; only what comes before the "
     "damage was read."),
     "Export again."),
    ("file-unrecognised", "A document among the annotations is of no known format; nothing in it was used.",
     "If it holds annotations, read it with --format, or convert it; if not, move it out of the folder."),
])  # fmt: skip

declare("guess", [
    ("prepared-assumed", ("The images were prepared, as a table among them tells; the export was taken to "
     "speak of them as they were before."),
     "Say so with --prepared and the table; if the new images were labeled, give --prepared none."),
    ("images-unread", ("No image was found, so the sizes in the export were trusted, and EXIF rotation was "
     "not looked at."),
     ("Give --images with the folder or prefix of the images; the manifest refers to where they were looked "
     "for.")),
    ("image-renamed", ("The image that the annotation file names is not there; the one that is called like "
     "the annotation file was taken."),
     "Nothing, if both files were renamed together; else give --images the folder of the right image."),
    ("images-two-ways", ("The first images are found in two ways, by more or by less of their path; the way "
     "that finds most counts."),
     "Look at a preview; give --images the folder that the export's paths start from."),
    ("only-several", ("A name in the file that --only gives is of several images of the export; all of them "
     "were taken."),
     "Write more of the path, if only one of them is meant."),
    ("size-differs", "The export's image size differs from the image's header.",
     ("If the image was resized after labeling, its shapes are in the wrong place: --size check rejects such "
     "images.")),
    ("mask-cut", "A mask reaches beyond the image, and was cut off there.",
     "Check that this is the image that was labeled, in its size at that time."),
    ("runs-doubtful", "A run-length mask (RLE) has a run of no pixels in its middle: no encoder writes it.",
     "Look at a preview: if the mask is inverted from some place on, export again."),
    ("classes-lost", ("The names of the classes stand behind the damage of the document: their ids are all "
     "that is known of them."),
     "Export again, or give a class map with --classes whose labels are these ids."),
    ("label-number", "The name of a class is a number, or it has no name and is called by its number.",
     "Nothing, if classes are numbered; else give them names in the labeling tool."),
    ("ring-doubled", ("A shape has the same ring twice; it was used once, since the copy would cut it out as "
     "a hole."),
     "Delete the copy in the labeling tool."),
    ("label-id-shared", "Two classes of different names have one id; its shapes got the first name.",
     "Give each class an id of its own and export again: else shapes of the second are of the wrong class."),
    ("label-duplicate", ("The export lists the same class name several times, under other ids or with other "
     "spaces; they are merged."),
     "Nothing, if they are the same class."),
    ("label-alike", ("Names of several classes differ only in upper and lower case, in their "
     "Unicode form or in characters that are not seen."),
     "If they mean the same, make them one class in a class map: workers can hardly tell them apart."),
    ("class-attribute-missing", "A region lacks the attribute that holds the class, and has others.",
     "Name another attribute with --class-attribute, or complete the region in the labeling tool."),
    ("option-unknown", "An option or its attribute is not in the export's table; its id became the name.",
     "Export again, or give the id a name in a class map."),
    ("class-unlisted", "A class number is not in the export's list of classes; it stands in for the name.",
     "Complete the list of classes, or add the number to a class map."),
    ("classes-missing", "No list of class names was found, so numbers stand in for the names.",
     "Put the list beside the export (docs/formats.md says where), or give a class map with --classes."),
    ("classes-differ", "Two lists of classes, or a list and its count, differ; the first list was used.",
     "Keep the right list only."),
    ("columns-left-out", "A confidence or a track number follows the coordinates; it was left out.",
     "Nothing, if a model or a tracker wrote the lines."),
    ("key-points-suspected", "Lines may be boxes with key points behind them; they were read as polygons.",
     "Look at a preview; if they are key points, say so with `kpt_shape` in data.yaml."),
    ("fraction-outside", "Coordinates lie below 0 or above 1 of the image; the shape was cut at its edge.",
     "Check that the coordinates are fractions of the image."),
    ("boxes-differ", ("The outlines of most annotations that were looked at reach elsewhere than their "
     "boxes: x and y may be exchanged, runs be written along the rows, or one of both be of another size."),
     "Look at a preview; if the masks are right, the boxes are wrong, and they do not count."),
    ("fraction-suspected", ("All coordinates of a shape, or of an image's regions in percent, lie between 0 "
     "and 1, as if they were fractions of the image."),
     ("If whoever wrote the export divided by the image's size, multiply by it, or by 100 for percent: the "
      "shape is a dot now.")),
    ("shape-cut", "A shape reaches beyond the image by more than a tenth of its side, and was cut off there.",
     "Check that this is the image that was labeled, in its size at that time."),
    ("bitmap-opaque", ("A bitmap whose transparency says which pixels count is opaque everywhere, so that "
     "the shape covers the whole image."), "Look at a preview; if the shape is smaller, export again."),
    ("mask-zero-class", ("The list of classes tells no values and does not begin with the background: pixels "
     "of 0 were taken for its first class, not for background."),
     "If 0 is background, write `background` as the list's first line; else nothing."),
    ("classes-alike", "Classes of a list share a value or a colour, or follow a blank line or a comment.",
     "Correct the list: where classes share a value or a colour, the first one is used."),
    ("classes-assumed", "No list names the classes; those of the data set were taken whose layout this is.",
     "Put a list of classes beside the masks (classes.txt, labelmap.txt) if it is another data set."),
    ("mask-colors-assumed", "The list of classes tells no colours; Pascal VOC's color map was assumed.",
     "Look at a preview; give the colours in a class map if they are others."),
    ("mask-reading-guessed", "A palette picture means something else by its colours than by its values.",
     "Look at a preview. Of masks without a manifest, a class map with `value` for each class decides."),
    ("label-group", ("A label of a group was read as the class of its members (`cargroup` in Cityscapes as "
     "`car`)."), "Nothing, if a group may be painted as its class."),
    ("answer-failed", "Ground Truth failed on this object; the detail says why, and what is used instead.",
     "Label it in another job: `gtmask answer` writes again.manifest of such objects."),
    ("answer-missing", ("The job ended before anybody answered this object; the detail says what is used "
     "instead."),
     "Label it in another job: `gtmask answer` writes again.manifest of such objects."),
    ("answer-tied", ("Lines of this image name different masks, and no date tells which is newer; the first "
     "line's was used, which the detail names."),
     "Give only the manifest whose answers count."),
    ("tiles-differ", ("Tiles that overlap have different classes in pixels that they share; the detail "
     "counts these. The overlap was divided in its middle."),
     "Look at the place if it is more than an edge; masks of tiles are in the output of the job."),
    ("annotation-chosen", ("Several people annotated this image; one annotation was used, by the rule in "
     "docs/formats.md."),
     "Choose another annotator with --annotator."),
    ("task-image-guessed", ("Which image of a task, or of a view of several, its regions lie on was guessed: "
     "what says so is not in the export."),
     "Compare a preview with the labeling tool; of Label Studio, say it with --image-tags."),
    ("label-several", "A shape has several labels; it was painted as the first one.",
     "Label it once, or add the other labels' areas as shapes of their own."),
    ("class-attribute-guessed", "Regions have several attributes; one of them was taken as the class.",
     "Name the right one with --class-attribute."),
    ("encoding-guessed", ("A file is not in UTF-8, and nothing tells in which encoding it is: names may be "
     "misspelt."),
     "Look at the names of the classes; save the file as UTF-8."),
    ("shape-kind-assumed", ("The export does not tell of which kind a shape is, or tells two. Points of no "
     "kind were taken for an area: two for a box, more for a polygon; of two kinds the shape's own counts."),
     ("Put the file that tells the kinds of classes (Supervisely: meta.json) beside the annotations; else "
      "look at a preview: lines may be among the shapes.")),
    ("polygon-open", ("A polygon was left open in the labeling tool; it was painted as if its last point "
     "were joined to its first."),
     "Close it in the labeling tool, or delete it there if it was left by mistake."),
    ("box-painted", "A bounding box was painted as a filled rectangle, since the shape has no finer outline.",
     "Nothing, if a rectangle will do."),
    ("answer-table-other", ("The table that --prepared names is not the one that the run was made with; "
     "masks are of the images that it tells of."),
     "Look at the masks of images that were changed or prepared anew since; best give the table of the run."),
    ("grid-guessed", ("EXIF rotates this image, and nothing tells whether its shapes fit it rotated or as "
     "stored."),
     "Look at a preview; docs/formats.md says which pixels each tool means."),
    ("order-guessed", ("Shapes overlap of which nothing tells which lies on top: they stand under different "
     "keys (jobs, tags, classes), or in files of their own. Those of the later one were painted last."),
     "Look at a preview; --overlap area or priority decides otherwise, or an export that keeps the order."),
    ("outlines-differ", ("An annotation has its outline in an older and in a newer form, and they differ; "
     "the newer one was painted."),
     "Look at a preview, and export again: whoever changed the one has forgotten the other."),
    ("rotation-unread", ("A box or an ellipse was painted upright: its rotation stands where the format "
     "keeps none, or the tool turns no shapes of this kind."),
     "Look at a preview; move the rotation to where the tool writes it, or make polygons of such shapes."),
    ("image-rotation", "The tool showed the image rotated; its geometry is in the unrotated image.",
     "Look at a preview before the job starts."),
    ("key-collision", ("Two images would have got the same mask file; both masks keep the image's extension "
     "in their names."),
     "Nothing; the manifest names the right ones."),
])  # fmt: skip

declare("note", [
    ("sizes-trusted", ("No image was looked at (--size annotation): sizes are the export's, and masks fit "
     "the pixels that it speaks of, even where EXIF rotates images."),
     "Nothing, where EXIF rotates no image; else leave --size out, and give --images."),
    ("images-shared", ("Images stand in several of the exports: the annotations of the first one count, and "
     "the records of the others are rejected (image-duplicate)."),
     "Nothing, if the first export is the better one; else name the exports in another order."),
    ("option-partial", "An option counts for some of the exports only: the others' formats do not know it.",
     "Nothing, if it is meant for these exports."),
    ("images-left-out", "Images were left out because --only, --where or --status does not choose them.",
     "Nothing, if the choice is meant."),
    ("answer-originals", ("Masks are made for the images that `gtmask prepare` was given, not for the copies "
     "that were labeled, by the table that the run was made with."),
     "Nothing; --prepared none makes a mask for each copy."),
    ("images-prepared", "Masks are made for the images that `gtmask prepare` made.", "Nothing."),
    ("prepare-levels", ("Samples of more than 8 bits became 8 bits; the detail says which values became 0 "
     "and 255."),
     "Look at some of the images; --sixteen-bit chooses between the rules."),
    ("prepare-no-image", "The file is no image, and was left where it is.", "Nothing."),
    ("orientation-turned", ("EXIF rotates this image, so the mask was rotated as --orientation says, "
     "or as its prepared copy is."),
     "Nothing; where it is not certain which pixels the tool means, `grid-guessed` is counted too."),
    ("record-size-none", "The export gives a size of zero or less, which was treated as no size.",
     "Nothing, where the image's header can be read."),
    ("shape-ignored", "The class map says to leave this label out (`ignore`).", "Nothing, if that is right."),
    ("annotation-cancelled", "The annotator skipped or cancelled this annotation.", "Nothing."),
    ("annotation-superseded", "Another annotation of the same image was used instead.",
     "If that is the wrong one, choose another annotator with --annotator."),
    ("prediction-left-out", "A prediction of a model was left out.",
     "Use predictions with --include-predictions."),
    ("mask-void", "Pixels that nobody labeled (255, or a class called void or ignore) became background.",
     "Keep them as a class of their own with --void keep, or give them to a class with --void NAME."),
    ("mask-one-class", "All pixels of a mask have one value, and it is a class.",
     "Nothing, if the image shows nothing else; else the mask was damaged when it was saved."),
    ("mask-zero", "No class has value 0 or black, so these pixels were taken for background.", "Nothing."),
    ("mask-value-unnamed", "No list names this class of a mask; it is called by its value or colour.",
     "Put a list of classes beside the masks, or name them in a class map with `value` or `color`."),
    ("shape-deleted", "The tool marks this shape as deleted or outside the frame.", "Nothing."),
    ("shape-covered", "A shape is wholly covered by later ones.",
     "Check the order of the shapes, or choose another with --overlap."),
    ("file-skipped", "Some files of the export are not annotations and were not read.", "Nothing."),
    ("image-format", "Ground Truth shows only images whose names end in .jpg, .jpeg or .png.",
     "Convert the image before the job (`gtmask prepare`): `gtmask validate` calls this an error."),
    ("class-without-pixels", "A class of the job has no pixel in the mask of this image.",
     "Nothing, if there is none of it in the image."),
    ("image-unannotated", "The image has no annotation at all; its mask is all background.",
     "Nothing, if the image is meant to be empty."),
    ("label-default", "Shapes without a label got the one that --default-label names.", "Nothing."),
    ("label-placeholder", "Roboflow's category 0 only names the group of the others; it is no class.",
     "Nothing."),
    ("pictures-left-out", ("The export has more pictures than annotation files: the others, images or masks, "
     "were not read."),
     ("Nothing, if they are not meant to be labeled; masks are read with --format masks, or from a folder of "
      "their own.")),
    ("picture-unlabeled", "A value of a task's data looks like an image, but has no region: it gets no mask.",
     "Nothing, if it was not meant to be labeled."),
    ("box-grouped", "A box was not painted: its group has a polygon or a mask of the same object.",
     "Nothing."),
])  # fmt: skip

declare("reject", [
    ("image-duplicate", ("The export, or several of them together, list this image more than once; its first "
     "record became the mask, in Ground Truth manifests that with the newest label."),
     "Merge the annotations of the image in the labeling tool, or delete those that are wrong."),
    ("image-ambiguous", ("Several images fit the name that the export gives, or several subsets or folders "
     "have an image of this name and only one of them is there."),
     "Give --images the folder that holds the subsets' folders, or make the images' names unique."),
    ("image-missing", "The image cannot be found below --images.",
     "Check --images and how the export names its images (docs/images.md)."),
    ("image-unreadable", "The file is damaged or is not an image of a known format.", "Replace the file."),
    ("prepared-differs", ("A copy that `gtmask prepare` made is missing, or has other pixels than the table "
     "tells: the table is of another folder, or the copy was changed."),
     "Give the table that lies with the copies, or prepare the images again with --overwrite."),
    ("prepare-strips", ("The image is too large to be decoded as a whole, and its file cannot be read in "
     "strips; the detail has its size."),
     "Save it as a TIFF in strips or tiles, or as a PNG that is not interlaced, and prepare again."),
    ("prepare-depth", "Samples of more than 16 bits, or of fractions, have no high byte.",
     "Use --sixteen-bit scale."),
    ("prepare-bytes", "A new image would have more bytes than --split-bytes.", "Give a smaller --tile."),
    ("prepare-name-taken", "The new image would have the name of another one.", "Rename one of the two."),
    ("image-too-large", "The image has more pixels than --max-pixels, which is what Ground Truth takes.",
     "Scale or tile the image (`gtmask prepare`), or raise --max-pixels."),
    ("mask-ambiguous", "A mask fits several images, or several masks fit one image.",
     "Rename the files, or give only the folder whose masks are meant."),
    ("mask-size-differs", "A mask has another size than its image.",
     "Make the mask from this image again; a mask is never scaled."),
    ("image-name-bad", "The image's name is missing, or cannot be the name of a file or an S3 key.",
     "Rename the image."),
    ("image-size-unknown", "Neither the export nor the image's header gives the size of the image.",
     "Give --images with the folder or prefix of the images, so that their headers can be read."),
    ("image-size-differs", "The image's header and the export give different sizes (--size check).",
     "Export again from the images that are to be labeled."),
    ("record-bad", "The annotations of this image are not written as the format requires.", "Export again."),
    ("task-images-untold", ("The regions of a task may lie on several images, and nothing in the export "
     "tells on which of them."),
     ("Say with --image-tags which key of the task's data each image tag shows, or give the tags the names "
      "of the keys; and export as JSON.")),
    ("record-size-bad", "The export gives a size that is not a number of pixels.", "Export again."),
    ("mask-missing", "The mask that a manifest's line names cannot be found or read.",
     "Allow the credentials to read the bucket, or give --masks with a folder of copies."),
    ("answer-size", ("The masks before and after the job differ in size, or in that of the copy that the "
     "table of prepared images tells, so that one of them does not fit the image."),
     "Look at both masks: one of them may be another image's, or the table one of other copies."),
    ("tiles-missing", ("Tiles of this image have no label, or one that cannot be used: there is no mask of "
     "the whole; the detail names them."),
     "Give the outputs of all jobs together, or send again.manifest to another job and give both."),
    ("prepared-unknown", ("The table of prepared images does not name this image, so that nothing tells what "
     "it was made of."),
     "Give the table that lies with the copies, and with --images what references to them begin with."),
    ("object-unlabeled", "Ground Truth failed on this object, and there is no earlier label of it.",
     "Label it in another job; the detail gives Ground Truth's reason."),
    ("attribute-undecided", "Nothing says which of several label attributes of a line is the newest.",
     "Name the one to use with --class-attribute; the detail lists them."),
    ("record-unannotated", "The task was never annotated, so there is nothing to review.",
     "Convert with --include-unannotated to give it an all-background mask."),
    ("record-skipped", "Every annotation of this image was cancelled or skipped.",
     "Label the image, or leave it out."),
    ("image-id-shared", "Several images share one id, so their annotations cannot be told apart.",
     "Give each image an id of its own; when exports are merged, their images need new ids."),
])  # fmt: skip
