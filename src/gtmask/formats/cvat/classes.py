"""CVAT's classes: the labels, or the values of the attribute that ``--class-attribute`` names.

Shapes carry attributes in elements of their own, those of tracks in each of their shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from gtmask.formats.reading.build import RecordBuilder

#: Label types that have no area.
_NO_AREA = frozenset({"skeleton", "tag", "cuboid"})
#: Kinds of attributes all of whose values ``meta`` lists.
_LISTED = frozenset({"select", "radio"})


def listed_classes(meta: Element, attribute: str | None) -> list[str] | None:
    """Return the classes that ``meta`` declares, each once; None where only the shapes tell them.

    - ``attribute``: the one that holds the class; None: the label does.
    """
    labels = [
        label
        for label in meta.iterfind(".//labels/label")
        if label.find("parent") is None and label.findtext("type") not in _NO_AREA
    ]
    if attribute is None:
        names = [(label.findtext("name") or "").strip() for label in labels]
        return [name for name in dict.fromkeys(names) if name] or None
    found = [
        element
        for label in labels
        for element in label.iterfind("attributes/attribute")
        if (element.findtext("name") or "").strip() == attribute
    ]
    if not all(element.findtext("input_type") in _LISTED for element in found):
        return None
    values = [value.strip() for element in found for value in (element.findtext("values") or "").splitlines()]
    return [value for value in dict.fromkeys(values) if value] or None


def shape_attributes(element: Element) -> dict[str, str]:
    """Return the attributes of a shape beside its label; whether it is occluded is one of them."""
    found = {"occluded": "true" if element.get("occluded") == "1" else "false"}
    for attribute in element.iterfind("attribute"):
        found[(attribute.get("name") or "").strip()] = (attribute.text or "").strip()
    return found


def class_of(builder: RecordBuilder, shape: Element, label: str, attribute: str) -> str:
    """Return the class of a shape, its value of the attribute: "" where it has none; of a tag its label."""
    if shape.tag == "tag":
        return label
    found = {
        (element.text or "").strip()
        for element in shape.iterfind("attribute")
        if (element.get("name") or "").strip() == attribute
    }
    if len(found) == 1:
        return found.pop()
    if found:
        values = ", ".join(repr(value) for value in sorted(found))
        builder.finding("annotation-bad", f"{label}: {builder.place} has {attribute!r:.60} as {values:.120}")
        return ""
    builder.finding("class-attribute-missing", f"{label}: {builder.place} has no {attribute!r:.60}")
    return ""
