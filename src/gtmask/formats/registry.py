"""Every format that can be read, in the order in which detection asks: what docs/formats.md is made of."""

from __future__ import annotations

from gtmask.formats.format import Format

_Z_ORDER = "z order: higher lies over lower, negative values too; ties in list order."

_ROWS = (
    Format(
        "cvat",
        "CVAT XML 1.1",
        "Images XML and video XML: polygons, boxes and ellipses with rotation, run-length masks; labels"
        " from `meta`.",
        "Skeletons, cuboids and tags have no area. Between keyframes of a video, and after the last "
        "one of a track that does not end, only --interpolate paints; `outside` shapes are not drawn.",
        source_fill="coco",
        image="`name` of `image`; a frame of a video has the names under which CVAT saves it. In projects "
        "the subset narrows both, and frames are counted within a subset and task.",
        label="`label`, or the attribute of --class-attribute.",
        holes="None; CVAT's users paint a background polygon on top. Masks may have them.",
        grid="As EXIF turns it; as stored in tasks made, or documents dumped, before April 2022. Certain "
        "for documents of CVAT 2.2 or later with tasks made since 2023, but not about the end of that year.",
        order=_Z_ORDER,
        options=frozenset({"class_attribute", "interpolate"}),
        attributes="`attribute` of a shape; `occluded`, which is true or false.",
        keys="<",
    ),
    Format(
        "yolo",
        "YOLO segmentation",
        "`labels/*.txt` with `data.yaml` or `classes.txt`: polygons, boxes (painted with a finding) "
        "and, when every line has nine columns, oriented boxes.",
        "No holes; several parts come joined by thin bridges. The image size comes from the image only.",
        source_fill="opencv-trunc",
        image="The label file's path with `images/` for `labels/`, and any extension of an image.",
        label="The number at the start of the line, named by the list of classes.",
        grid="As EXIF turns it.",
        per_image=True,
        order="Area: larger shapes first, smaller ones over them, as in ultralytics' trainer.",
        keys=".txt, .yaml, .yml",
    ),
    Format(
        "ultralytics",
        "Ultralytics NDJSON",
        "What the Ultralytics Platform exports: polygons, oriented boxes and boxes (painted with a finding) "
        "on one line per image.",
        "No holes; several parts come joined by thin bridges. Key points have no area: of a pose its box "
        "counts.",
        source_fill="opencv-trunc",
        image="`file`, in `images/<split>`.",
        label="The number at the start of the row, named by `class_names`.",
        grid="As EXIF turns it.",
        keys="class_names; segments",
        order="Area: larger shapes first, smaller ones over them, as in ultralytics' trainer.",
        counts="The segments of an image, else the first of its lists.",
    ),
    Format(
        "labelbox",
        "Labelbox",
        "NDJSON (v2), the old JSON array (v1) and that of 2018, where y grows upwards (lists of points and "
        "well-known text): polygons, boxes, masks that lie beside the export.",
        "Mask addresses need Labelbox's key and expire: download the masks first.",
        image="`external_id`, else `global_key`, else what `row_data` ends in (v1: `External ID`), within "
        "the data set.",
        label="`name`, else `value` (v1: `title`, else `value`).",
        holes="None in polygons; masks may have them.",
        grid="As stored: the tool takes EXIF out of images, and `exif_rotation` turns nothing.",
        keys="data_row, DataRow ID, Labeled Data; projects",
        counts="Of several labels of one data row the benchmark reference, else the highest consensus score, "
        "else the newest; --annotator chooses. Rows of v1 of one person and data row are one annotation.",
        options=frozenset({"annotator", "include_unannotated"}),
        statuses="`workflow_status` of `project_details` (v2 only): TO_LABEL, IN_REVIEW, IN_REWORK, DONE.",
    ),
    Format(
        "sagemaker",
        "SageMaker Ground Truth manifest",
        "Output manifests of semantic segmentation jobs, with their masks; pixels resolved by palette "
        "colour.",
        "Masks are read from their s3:// URI, or from copies below --masks; without it, a mirror of the "
        "whole key beside the manifest or up to two folders above counts too, and so does a name that "
        "Ground Truth gave. A line whose mask is nowhere is rejected.",
        image="`source-ref`.",
        label="`class-name` of the colour map.",
        holes="What the mask leaves out.",
        keys="source-ref",
        counts="Of several attributes of a line the newest that did not fail, by adjustment-status, then "
        "creation-date; --class-attribute chooses.",
        options=frozenset({"class_attribute", "masks", "partial"}),
        statuses="`adjustment-status` of the attribute that counts: adjusted, unadjusted.",
    ),
    Format(
        "coco_panoptic",
        "COCO panoptic",
        "`segments_info` and the folder of PNGs whose colours are segment ids.",
        "The PNG folder is called like the JSON and lies beside it or beside its folder, or the PNGs lie "
        "beside the JSON. Ids that the JSON does not list stay background, and are told.",
        source_fill="coco",
        image="`file_name` of the image, else `coco_url`; without an image table the name of the PNG.",
        label="`category_id`, named by `categories`.",
        holes="What the PNG leaves out.",
        keys="segments_info, images; annotations",
        module="coco.panoptic",
        walks=True,
        order="Segments do not overlap.",
    ),
    Format(
        "coco",
        "COCO instances",
        "Polygons, run-length masks (compressed or not), crowd regions; results lists, also those of "
        "semantic segmentation (detectron2); dialects of CVAT, Label Studio, Roboflow, make-sense, "
        "coco-annotator.",
        "COCO has no holes: several rings of one annotation are a union. Results lists name images by "
        "file_name, else by image_id, which may be a name without extension; without categories, ids are the "
        "classes.",
        source_fill="coco",
        image="`file_name`, else `path` or `coco_url`; results lists have the id alone.",
        label="`category_id`, named by `categories`, or the attribute of --class-attribute.",
        holes="None in polygons: rings are a union. Run-length masks may have them.",
        grid="As stored; as EXIF turns it in exports of CVAT and Label Studio.",
        keys="images, annotations, category_id; categories, segmentation, image_id",
        walks=True,
        order="List order: later shapes lie over earlier ones; of a model's results the surer ones lie over "
        "the others, where all have a `score`.",
        options=frozenset({"class_attribute"}),
        attributes="`attributes` of an annotation (CVAT, datumaro).",
    ),
    Format(
        "sa1b",
        "SA-1B",
        "One JSON per image with run-length masks; all masks have the label `object`.",
        "SA-1B names no classes.",
        source_fill="coco",
        image="`file_name` of `image`, beside the JSON.",
        label="None: all masks are `object`.",
        holes="What the run-length mask leaves out.",
        per_image=True,
        keys="image",
    ),
    Format(
        "labelme",
        "labelme",
        "labelme 3 to 7, AnyLabeling, X-AnyLabeling: polygons, rectangles, circles, masks, oriented boxes.",
        "No holes: draw `_background_` polygons on top. Lines and points need --stroke. `imageData` is "
        "skipped.",
        source_fill="pillow",
        image="`imagePath`, relative to the JSON; or its last part beside it; else the JSON's own name.",
        label="`label`.",
        holes="None. Masks may have them.",
        grid="As EXIF turns it: labelme from 3.7 on, AnyLabeling, X-AnyLabeling up to 2.3.4 and from 2.4.0 "
        "to 3.0.0. As stored: labelme before 3.7, X-AnyLabeling 2.3.5 to 2.3.7 and 3.0.1 to 3.2.2. From "
        "3.2.3 on X-AnyLabeling asks whether to rewrite the file as EXIF turns it: that it was is a guess.",
        keys="shapes, imageData; imagePath, shape_type, imageHeight",
        per_image=True,
        attributes="`flags` of a shape, true or false; `attributes` (X-AnyLabeling).",
    ),
    Format(
        "isat",
        "ISAT",
        "One JSON per image: polygons by `layer`; classes from `isat.yaml` where it lies beside them.",
        "No holes.",
        source_fill="skimage",
        image="`name` of `info`, else the JSON's own name.",
        label="`category`.",
        holes="None; users draw `__background__` on top.",
        keys="objects; segmentation, layer",
        per_image=True,
        order="`layer` ascending (2 where it is missing), ties in list order.",
    ),
    Format(
        "qupath",
        "QuPath GeoJSON",
        "One GeoJSON file per image: annotations, detections, cells; polygons of several parts with holes.",
        "Points and lines have no area; slices and times other than the first are left out; of a cell its "
        "outline counts, not its nucleus.",
        source_fill="center",
        image="The file's own name, with or without the image's extension.",
        label="`name` of `classification`; `names` joined.",
        holes="Taken out of the exterior: all rings of a polygon but the first.",
        keys="geometry; features, properties",
        per_image=True,
    ),
    Format(
        "cityscapes",
        "Cityscapes and IDD",
        "`*_polygons.json`: polygons in depth order.",
        "Deleted objects and `license plate` are left out; `...group` labels are read as their class.",
        source_fill="pillow",
        image="The JSON's own name: `leftImg8bit/…/x_leftImg8bit.png` of `gtFine/…/x_gtFine_polygons.json`.",
        label="`label`.",
        holes="None; later objects lie in front.",
        keys="objects; imgHeight, imgWidth, polygon",
        per_image=True,
    ),
    Format(
        "mapillary",
        "Mapillary Vistas 2.0",
        "`polygons/<id>.json`.",
        "Version 1 has no polygons, only PNG labels.",
        image="`images/<id>.jpg` beside the `polygons` folder.",
        label="`label`.",
        keys="objects; polygon",
        per_image=True,
    ),
    Format(
        "supervisely",
        "Supervisely",
        "`ann/<image>.json`: polygons with holes, bitmaps, rectangles; classes from `meta.json`.",
        "Lines, points and graphs have no area; a cut-off bitmap is a finding.",
        image="The JSON's name without `.json`, in `img` beside `ann`; else `name`.",
        label="`classTitle`.",
        holes="`points.interior`: taken out of the exterior, and nothing beyond it.",
        keys="objects; size, classTitle, geometryType",
        per_image=True,
    ),
    Format(
        "darwin",
        "Darwin (V7)",
        "Darwin 2.0 and 1.0 JSON: polygons with several paths (even-odd), boxes, ellipses, raster layers.",
        "Skeletons, tags and directions have no area. Of items with several slots the first is read.",
        image="`name` in the folder `path` of `item` (1.0: `original_filename` of `image`).",
        label="`name`.",
        holes="By the even-odd rule over `paths`.",
        keys="item, image; slots, annotations",
        per_image=True,
    ),
    Format(
        "superannotate",
        "SuperAnnotate",
        "Vector projects (polygons with `exclude`, boxes, rotated boxes, ellipses) and pixel projects "
        "with their `___save.png`; one file per image, or an array or JSON Lines of many. Classes keep their "
        "colours.",
        "`___fuse.png` pictures are translucent and not used.",
        image="`name` of `metadata`, else the JSON's name without its postfix.",
        label="`className`, else `classId` in `classes.json`.",
        holes="`exclude`: taken out of the polygon.",
        keys="instances; metadata, className",
        per_image=True,
        attributes="`attributes` of an instance: `groupName` is the name, `name` the value.",
        counts="All of them; an image that is not started, or was skipped, and has none is not annotated.",
        options=frozenset({"include_unannotated"}),
        statuses="`status`: NotStarted, InProgress, QualityCheck, Returned, Completed, Skipped.",
    ),
    Format(
        "datumaro",
        "Datumaro",
        "`annotations/<subset>.json`: polygons, run-length masks, boxes, ellipses.",
        "No holes in polygons.",
        source_fill="coco",
        image="`path` of `image`, else `id`; in `images/<subset>`.",
        label="`label_id`, an index into the label table, or the attribute of --class-attribute.",
        holes="None in polygons. Run-length masks may have them.",
        grid="As EXIF turns it.",
        keys="items; categories, dm_format_version",
        order=_Z_ORDER,
        options=frozenset({"class_attribute"}),
        attributes="`attributes` of an annotation.",
    ),
    Format(
        "via",
        "VGG Image Annotator",
        "Versions 1, 2 and 3, projects, JSON and CSV exports: polygons, closed polylines, rectangles, "
        "circles, ellipses.",
        "No image sizes: they come from the images. The class is one attribute of the regions: --class-"
        "attribute chooses it.",
        image="`filename`; in version 3 `fname`, else `src`.",
        label="One attribute of the regions: that of --class-attribute, or the only one, or a guess.",
        grid="As EXIF turns it.",
        keys="_via_img_metadata, view, regions, no JSON; shape_attributes, file_attributes",
        options=frozenset({"class_attribute"}),
        attributes="The attributes of the regions.",
    ),
    Format(
        "scalabel",
        "Scalabel and BDD100K",
        "Frames with `poly2d` (Bézier curves too), `box2d` and run-length masks.",
        "Lane lines (open poly2d) have no area.",
        source_fill="touched",
        image="`name`, in `videoName` where that is given; else `url`.",
        label="`category`.",
        holes="None in polygons: several are a union. Run-length masks may have them.",
        keys="frames, labels; poly2d, box2d",
        order="List order; ascending score where labels have scores.",
    ),
    Format(
        "label_studio",
        "Label Studio",
        "JSON, JSON-MIN and target storage (a folder or prefix of one object per annotation): polygons, "
        "rotated rectangles, ellipses, brush masks, bitmasks.",
        "Key points, polylines and text have no area. JSON-MIN does not say which annotations were "
        "cancelled. A task is rejected whose regions lie on several images where nothing tells on which.",
        image="The address under the key of `data` that is called like the region's tag (`to_name`), or the "
        "only one, or the key of --image-tags; what is concluded from names is told. Uploads without the "
        "prefix of their name.",
        label="The labels of a result: `polygonlabels`, `rectanglelabels`, `brushlabels` and so on.",
        holes="None in polygons. Brush masks may have them.",
        grid="As EXIF turns it.",
        keys="data, result, was_cancelled, inner_id, file_upload, annotation_id, lead_time; "
        "completions, predictions",
        order="Result order: later regions lie over earlier ones.",
        counts="Of several annotations of a task the ground truth, else the newest; cancelled ones and "
        "drafts never; predictions only with --include-predictions; --annotator chooses by person.",
        stored_as="Label Studio target storage",
        options=frozenset({"annotator", "image_tags", "include_predictions", "include_unannotated"}),
        statuses="By its annotations: completed, ground_truth, skipped (all cancelled), unlabeled.",
    ),
    Format(
        "segments",
        "Segments.ai",
        "Release files: segmentation bitmaps (colour = id) and polygons.",
        "Bitmaps must lie beside the release file. Sequences are not read.",
        image="`name`, else `url` of `image`.",
        label="`category_id`, named by `categories`.",
        grid="As EXIF turns it, and so does the SDK turn images.",
        holes="What the bitmap leaves out; none in polygons.",
        keys="dataset; samples, segmentation_bitmap",
        counts="The label set `ground-truth`, else the first; --annotator names another one. Skipped and "
        "rejected labels never, pre-labels only with --include-predictions.",
        options=frozenset({"annotator", "include_predictions", "include_unannotated"}),
        statuses="`label_status`: LABELED, REVIEWED, VERIFIED, PRELABELED, SKIPPED, REJECTED, UNLABELED, "
        "LABELING_IN_PROGRESS, REVIEWING_IN_PROGRESS.",
    ),
    Format(
        "encord",
        "Encord",
        "Label rows: polygons with holes in fractions of the image, boxes, bit masks.",
        "Rotated boxes turn about their centre; key points and polylines have no area. Objects with "
        "`isDeleted` are not drawn.",
        image="`data_title`, else `data_link`; of the images in `spaces` of a data group their `file_name`.",
        label="`name`, else `value`.",
        holes="All rings of `polygons` but the first: taken out of it.",
        keys="data_units; label_hash",
        statuses="`label_status`, if there is no workflow: NOT_LABELLED, LABEL_IN_PROGRESS, LABELLED, "
        "REVIEW_IN_PROGRESS, REVIEWED, REVIEWED_TWICE.",
    ),
    Format(
        "kili",
        "Kili",
        "JSON exports: polygons with holes and boxes in fractions of the image.",
        "Polylines and markers have no area. Videos are not read. What was drawn on an image that "
        "ROTATION_JOB had turned is turned back.",
        image="`externalId`, else `content`.",
        label="`name` of the first of `categories`.",
        holes="All rings of `boundingPoly` but the first: taken out of it.",
        keys="latestLabel, jsonResponse",
        counts="The newest label of an asset; --annotator chooses by author; predictions only with "
        "--include-predictions.",
        options=frozenset({"annotator", "include_predictions", "include_unannotated"}),
        statuses="`status` of the asset: TODO, ONGOING, LABELED, TO_REVIEW, REVIEWED.",
    ),
    Format(
        "dataloop",
        "Dataloop",
        "One JSON per item: segments with holes, boxes, ellipses, binary masks.",
        "Points, lines and cuboids have no area.",
        image="`filename`, from the data set's root.",
        label="`label`.",
        holes="By the even-odd rule over the rings of a segment.",
        keys="label, datasetId; itemId, annotations, coordinates",
        per_image=True,
        statuses="`status` of the item's `refs`: completed, approved, discard, or the project's own.",
    ),
    Format(
        "labelme_xml",
        "MIT LabelMe and CVAT's LabelMe 3.0",
        "One XML per image: polygons, boxes, mask pictures in the folder `Masks`.",
        "Parts are objects of their own. Mask pictures must be as large as the image.",
        source_fill="pillow",
        image="`filename` in `folder`, beside the XML.",
        label="`name` of `object`.",
        holes="None in polygons; masks may have them.",
        grid="As EXIF turns it.",
        per_image=True,
        keys="<",
    ),
    Format(
        "masks",
        "Ready-made masks",
        "PNGs of classes (gray, palette, RGB; 1 to 16 bits) with the class lists of CVAT and Pascal VOC "
        "(`labelmap.txt`), Roboflow (`_classes.csv`), datumaro (`dataset_meta.json`), CamVid "
        "(`label_colors.txt`), ADE20K (`objectInfo150.txt`), Mapillary (`config_v2.0.json`), V7 "
        "(`class_mapping.csv`), ultralytics (`data.yaml`), FiftyOne, gtmask (`classes.toml`), or a plain "
        "`classes.txt`, whose line n, counted from 0, names value n; layouts of Cityscapes, KITTI and Pascal "
        "VOC without a list; Label Studio's brush PNGs.",
        "Instances and panoptic pictures are left out, but for KITTI's and Cityscapes' instances where "
        "nothing else tells classes. Values without a class become background and are counted, unless a "
        "class map names them by `value` or `color`. A mask must be as large as its image.",
        image="The path that is equal but for extensions, folders that only say what lies in them, and what "
        "tools add to names (`_mask`, `_gtFine_labelIds`, `_leftImg8bit`); else the only one with an equal "
        "end.",
        label="The class whose value or colour the pixel has in the nearest list above the mask.",
        holes="Pixels that are background.",
        grid="As stored; as EXIF turns it where only that has the mask's size.",
        per_image=True,
        order="Classes of one picture do not overlap; of brush PNGs in the order of labels.",
        counts="One mask per image. Of Label Studio's annotations of a task the newest; --annotator chooses.",
        options=frozenset({"annotator", "void", "partial"}),
    ),
)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
