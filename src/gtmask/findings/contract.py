"""Every finding of ``gtmask validate``: its level, why it matters in the worker UI, and what to do.

Errors are what makes a job fail, or shows workers nothing or something wrong; warnings are what often
does; notes are worth knowing. :mod:`gtmask.groundtruth` checks the rules.
"""

from __future__ import annotations

from gtmask.findings.registry import declare

_POLYGONS = (
    "The job starts, the images load, and no labels appear: the worker UI paints PNG masks and cannot read "
    "polygons. This is the very failure that gtmask exists for."
)

declare("error", [
    ("manifest-empty", "A manifest without lines gives a job nothing to label, so it cannot start.",
     "Use the manifest that `gtmask convert` wrote."),
    ("manifest-bom", ("The file begins with a byte order mark (BOM), so Ground Truth cannot read its first "
     "line as JSON."),
     "Save the manifest as UTF-8 without BOM."),
    ("manifest-encoding", "Ground Truth reads manifests as UTF-8; this line is not.",
     "Save the manifest as UTF-8."),
    ("line-not-json", "Each line must be one whole JSON object; Ground Truth rejects the manifest.",
     "Write each object on one line (JSON Lines), without commas or brackets around the lines."),
    ("line-too-long", "Ground Truth takes at most 100,000 characters per line.",
     "Leave out keys that no one needs, or shorten class names."),
    ("attribute-too-long", "Ground Truth takes at most 20,000 characters per attribute.",
     "Write compact JSON, shorten class names or merge classes."),
    ("source-key-missing", "Without source-ref there is no image to show.",
     "Name the image's s3:// URI under the key source-ref."),
    ("source-both", "Ground Truth takes an image (source-ref) or a text (source) on a line, not both.",
     "Remove the key source."),
    ("mask-key-missing", ("The line names no mask: the image is shown without labels, or the object fails "
     "and may be billed."),
     "Remove the line, or give it a mask and its metadata."),
    ("metadata-missing", "Without <attribute>-metadata the console does not offer the labels.",
     "Add the metadata object under the label attribute's name followed by -metadata."),
    ("metadata-type", "The console lists only attributes whose type fits the task.",
     "Set type to groundtruth/semantic-segmentation."),
    ("attribute-suffix", "Semantic segmentation attributes end in -ref; the job is refused.",
     "Rename the attribute, such as labeling-qa-ref, and its metadata key."),
    ("attribute-name", "The API refuses this label attribute name.",
     "Use letters, digits and single hyphens, at most 127 characters, ending in -ref."),
    ("attribute-differs", "A job adjusts one label attribute; lines with another one would show no labels.",
     "Use the same label attribute on every line."),
    ("key-duplicate", ("A key occurs twice in one JSON object: readers keep one of them, so a class or a "
     "reference is lost."),
     "Remove or rename one of the two."),
    ("key-dollar", "Attribute names may not begin with $.", "Rename the key."),
    ("color-map-missing", "Without internal-color-map no class has a name or a colour.",
     "Write the class map into every line's metadata."),
    ("color-map-key", "The keys of the color map must be class ids, 0 to 255, as text.",
     "Write each key as a number in quotes, such as \"1\"."),
    ("color-map-differs", ("One job has one list of classes; here workers would see other classes from line "
     "to line."),
     "Write the same class map on every line."),
    ("color-bad", "Without a hex-color of the form #rrggbb for each class the console stops with an error.",
     "Give each class a colour such as #2ca02c."),
    ("color-duplicate", "The worker UI knows classes by colour: two with one colour become one.",
     "Give each class a colour of its own."),
    ("color-white", "White is the background's colour: this class would vanish.", "Choose another colour."),
    ("background-bad", "Class 0 must be BACKGROUND in #ffffff; otherwise workers are offered it as a class.",
     "Write entry 0 with class-name BACKGROUND and hex-color #ffffff."),
    ("background-reserved", "Another class is called BACKGROUND, and workers would be offered it as a class.",
     "Rename the class, or paint its labels as background (0)."),
    ("class-name-bad", "Every class needs a name of 1 to 256 characters.",
     "Give it a name, or shorten the one it has."),
    ("class-name-duplicate", "Ground Truth refuses the same class name twice.", "Rename one, or merge them."),
    ("labels-none", "A job needs at least one label; this color map has BACKGROUND alone.",
     "Add the classes to the map: class maps and masks come from one run of convert."),
    ("reference-form", "Ground Truth finds images and masks by s3://bucket/key only.",
     "Write s3:// URIs (--image-uri and --mask-uri of convert)."),
    ("mask-is-json", _POLYGONS,
     "Run `gtmask convert` on the JSON export and use the manifest and masks that it writes."),
    ("mask-not-found", ("There is no file where the manifest says the mask is: the image appears without "
     "labels."),
     "Upload the masks, or correct the reference."),
    ("mask-unreadable", ("The mask cannot be read with these permissions, and the workers' browsers will not "
     "be able to either."),
     "Check permissions of the bucket or the file."),
    ("mask-not-png", "The worker UI expects a PNG; this file has another format, whatever its name says.",
     "Save it as PNG."),
    ("mask-damaged", "The browser cannot decode the mask, so no labels appear.", "Write the mask again."),
    ("mask-rgb", "A mask holds one class id per pixel; red, green and blue are no class ids.",
     "Write one channel: gray with the class id as value, or palette."),
    ("mask-alpha", "Transparency blends colours, and blended colours belong to no class.",
     "Write the mask without alpha and without tRNS."),
    ("mask-bit-depth", "Masks of real jobs have 8 bits per pixel; other depths scale the values.",
     "Write 8 bits; some libraries shrink short palettes, so always write 256 colours."),
    ("mask-size", "The mask must fit the image pixel for pixel; one column too few shifts every row.",
     "Convert again from the image that workers will see; never scale a mask."),
    ("mask-value", "A pixel value is not in the color map: the worker UI shows such pixels as background.",
     "Add the class to the color map, or write the mask with the color map's ids."),
    ("mask-palette", ("The worker UI finds classes by colour: a palette that differs from the color map "
     "shows other classes."),
     "Write as entry i of the palette (PLTE) the hex-color of class i."),
    ("source-not-found", "There is no file where the manifest says the image is: the task cannot load.",
     "Upload the image, or correct the reference."),
    ("source-unreadable", "The image cannot be read, and the workers' browsers will not be able to either.",
     "Replace the file, or check permissions."),
    ("source-format", "Ground Truth shows .jpg, .jpeg and .png images only.",
     "Convert the image: `gtmask prepare` does."),
    ("source-coding", "No browser shows a JPEG that is coded in this way: the task stays empty.",
     "Save the image as a usual JPEG or as PNG."),
    ("source-bytes", "Ground Truth takes images of at most 40 MB.",
     "Compress, scale or tile the image: `gtmask prepare` makes tiles."),
    ("source-pixels", "Ground Truth takes images of at most 100 million pixels.",
     "Scale or tile the image: `gtmask prepare` makes tiles."),
    ("bucket-region", "Images, masks, manifest and job must be in one region.",
     "Copy the data to a bucket in the job's region, or start the job in the data's region."),
    ("bucket-cors", "The browser may not read images and masks without a CORS rule: tasks do not load.",
     "Run `gtmask job --fix-cors`, or add GET from * or from the work team's portal."),
    ("bucket-missing", "There is no such bucket.", "Correct the references."),
])  # fmt: skip

declare("warning", [
    ("run-unfinished", "The run that writes this manifest is not finished: images are missing from it.",
     "Run the same `gtmask convert` again; without --partial such a manifest is refused."),
    ("cors-header-hidden", "The bucket's CORS rule exposes no Access-Control-Allow-Origin, as AWS advises.",
     "Nothing while tasks load; `gtmask job --fix-cors` adds the rule of the Developer Guide."),
    ("line-blank", "Ground Truth expects a JSON object on every line, and this line is blank.",
     "Remove the line."),
    ("class-gap", "Color maps of Ground Truth number classes 0, 1, 2, ... without gaps.",
     "Number the classes without gaps."),
    ("confidence-missing", "Ground Truth writes a confidence for every class, and readers expect one.",
     "Write a number from 0 to 1, such as 0.9."),
    ("human-annotated", "Ground Truth writes human-annotated as \"yes\" or \"no\".", "Write one of the two."),
    ("creation-date", "Ground Truth writes 2024-01-01T00:00:00.000000, in UTC without a zone.",
     "Write the date in this form."),
    ("source-duplicate", "The same image is labeled, and paid for, more than once.", "Remove one line."),
    ("mask-duplicate", "Two lines share one mask: one of the images likely shows another's labels.",
     "Check both references."),
    ("mask-interlaced", "Real masks are not interlaced.", "Write the mask without interlacing."),
    ("mask-color-chunks", ("A colour profile in the mask lets browsers shift its colours, which then match "
     "no class."),
     "Write only IHDR, PLTE, IDAT and IEND."),
    ("mask-moves", ("The mask has EXIF or animation data, with which browsers may rotate it or show another "
     "frame."),
     "Write only IHDR, PLTE, IDAT and IEND."),
    ("mask-palette-padding", "Unused palette entries of real masks are #ffffff.",
     "Write 256 entries, the unused ones white."),
    ("source-depth", ("Browsers show the upper 8 of 16 bits: images that use few of their values, such as "
     "medical ones, look black."),
     "Save the image with 8 bits, stretched as people should see it."),
    ("source-turned", "EXIF rotates this image: in browsers that follow it the mask no longer fits.",
     "Look at a preview; it is best to save images already rotated before they are labeled."),
    ("mask-turned", ("EXIF rotates this image, and its mask was made for that (--orientation display): it "
     "fits in browsers that follow EXIF, and in no other."),
     "Look at a preview; it is best to save images already rotated before they are labeled."),
    ("key-double-slash", "Two slashes in a key usually come from joining a prefix wrongly.",
     "Check that the object's key really has both."),
    ("key-encoded", "Ground Truth uses S3 keys as they are written: %20 is not a blank.",
     "Write the key as S3 shows it, unless it really holds percent signs."),
    ("objects-too-many", "A segmentation job takes at most 20,000 objects.",
     "Nothing: `gtmask job` splits the manifest."),
    ("object-failed", "Ground Truth could not label this object; its metadata gives the reason.",
     "Remove the cause; `gtmask answer` writes again.manifest of such objects, for the next job."),
    ("kms-region", "Ground Truth encrypts its output with a key of the job's own region only.",
     "Name a key in the region of --workteam with --kms-key."),
    ("tasks-quota", ("Accounts may offer at most 1,000 tasks at a time unless AWS support has raised that; "
     "then CreateLabelingJob is refused."), "Lower --max-concurrent, or ask AWS support for more."),
    ("role-missing", "There is no such role, so CreateLabelingJob is refused.", "Correct --role."),
    ("role-trust", "SageMaker may not assume the role, so the job fails before its first task.",
     "Allow sagemaker.amazonaws.com sts:AssumeRole in the role's trust policy."),
    ("role-access", ("The role's own policies do not let the job read or write here; AWS's managed policy "
     "reaches only names with GroundTruth or SageMaker in them. A bucket policy may still allow it."),
     "Allow s3:GetObject and s3:ListBucket on images, masks and --upload, and s3:PutObject on --output."),
    ("adjustment-status", ("The adjustment-status in an output manifest is either adjusted or unadjusted; "
     "this one is neither."), "Check where the manifest comes from."),
])  # fmt: skip

declare("note", [
    ("object-open", "The labeling job ended before anybody answered this object: its line is as it was.",
     "`gtmask answer` writes again.manifest of such objects, for the next job."),
    ("reference-local", ("The manifest refers to local paths, which gtmask can check; a labeling job needs "
     "s3:// URIs."),
     "Convert with --image-uri and --mask-uri, and upload images and masks there."),
    ("color-case", "AWS's own readers look colours up in lower case.", "Write #2ca02c, not #2CA02C."),
    ("key-colon", ("The key has a colon, as Ground Truth itself writes them; on Windows no file can have "
     "such a name."),
     "Nothing, unless you copy the masks to Windows."),
    ("mask-all-background", "The mask holds no class: the worker starts from an empty image.",
     "Nothing, if there is nothing to label in the image."),
    ("labels-console", "The console takes at most 10 labels; the API has no limit.",
     "Create the job with `gtmask job`, which uses the API."),
    ("labels-automated", "Automated labeling takes at most 20 labels.", "Nothing, if you do not use it."),
    ("role-unchecked", "Whether SageMaker may assume the role, and what it reaches, could not be asked.",
     "Allow iam:GetRole and iam:SimulatePrincipalPolicy, or look at the role in the console."),
    ("job-days", ("Labeling jobs fail after 30 days, and this one takes longer if each task waits for "
     "workers as long as it is offered."),
     "Nothing, if your team is faster; else lower --availability or raise --max-concurrent."),
    ("bucket-unchecked", "The bucket's region or CORS rules could not be read.",
     "Allow s3:ListBucket and s3:GetBucketCORS, or check them in the console (`gtmask job --unchecked`)."),
])  # fmt: skip
