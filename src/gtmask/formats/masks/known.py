"""Classes of data sets whose masks come without a list: only where folders and names tell which one it is.

Sources: ``cityscapesscripts/helpers/labels.py`` (name, id, trainId, colour; KITTI has the same ids); the
Pascal VOC 2012 development kit (classes, and the color map that ``VOClabelcolormap.m`` computes); CamVid's
``label_colors.txt``.
"""

from __future__ import annotations

import re
from functools import cache

from gtmask.formats.masks.class_lists import ClassList, Entry

_CITYSCAPES = """
unlabeled 0 255 000000, ego vehicle 1 255 000000, rectification border 2 255 000000, out of roi 3 255 000000,
static 4 255 000000, dynamic 5 255 6f4a00, ground 6 255 510051, road 7 0 804080, sidewalk 8 1 f423e8,
parking 9 255 faaaa0, rail track 10 255 e6968c, building 11 2 464646, wall 12 3 66669c, fence 13 4 be9999,
guard rail 14 255 b4a5b4, bridge 15 255 966464, tunnel 16 255 96785a, pole 17 5 999999,
polegroup 18 255 999999, traffic light 19 6 faaa1e, traffic sign 20 7 dcdc00, vegetation 21 8 6b8e23,
terrain 22 9 98fb98, sky 23 10 4682b4, person 24 11 dc143c, rider 25 12 ff0000, car 26 13 00008e,
truck 27 14 000046, bus 28 15 003c64, caravan 29 255 00005a, trailer 30 255 00006e, train 31 16 005064,
motorcycle 32 17 0000e6, bicycle 33 18 770b20
"""
_VOC = """
background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person
pottedplant sheep sofa train tvmonitor
"""
_CAMVID = """
Void 000000, Animal 408040, Archway c00080, Bicyclist 0080c0, Bridge 008040, Building 800000, Car 400080,
CartLuggagePram 4000c0, Child c08040, Column_Pole c0c080, Fence 404080, LaneMkgsDriv 8000c0,
LaneMkgsNonDriv c00040, Misc_Text 808040, MotorcycleScooter c000c0, OtherMoving 804040, ParkingBlock 40c080,
Pedestrian 404000, Road 804080, RoadShoulder 8080c0, Sidewalk 0000c0, SignSymbol c08080, Sky 808080,
SUVPickupTruck 4080c0, TrafficCone 000040, TrafficLight 004040, Train c04080, Tree 808000, Truck_Bus c080c0,
Tunnel 400040, VegetationMisc c0c000, Wall 40c000
"""

_CITYSCAPES_FILE = re.compile(
    r"_gt(?:Fine|Coarse)_(labelIds|labelTrainIds|color|instanceIds)\.png$", re.IGNORECASE
)
_KITTI_FILE = re.compile(r"(?:^|/)(?:training|testing)/(?:semantic(?:_rgb)?|instance)/\d+_\d+\.png$")
_VOC_FILE = re.compile(r"(?:^|/)VOC\d{4}/SegmentationClass(?:Aug)?/[^/]+\.png$")
_CAMVID_FILE = re.compile(r"(?:^|/)LabeledApproved_full/[^/]+_L\.png$")


def known_classes(name: str) -> ClassList | None:
    """Return the classes of the data set that a mask's path tells, or None."""
    if found := _CITYSCAPES_FILE.search(name):
        return cityscapes(train_ids=found[1].lower() == "labeltrainids")
    if _KITTI_FILE.search(name):
        return cityscapes(train_ids=False)
    if _VOC_FILE.search(name):
        return voc()
    return camvid() if _CAMVID_FILE.search(name) else None


@cache
def cityscapes(*, train_ids: bool) -> ClassList:
    """Return the classes of Cityscapes, with the values of ``labelIds`` or ``labelTrainIds``."""
    entries = []
    for row in _CITYSCAPES.replace("\n", " ").split(","):
        *words, number, train, color = row.split()
        value = int(train if train_ids else number)
        if not (train_ids and value == 255):
            entries.append(Entry(" ".join(words), value, int(color, 16)))
    return ClassList("Cityscapes' labels.py", tuple(entries), assumed=True)


@cache
def voc() -> ClassList:
    """Return the classes of Pascal VOC 2012."""
    entries = [Entry(name, value, voc_color(value)) for value, name in enumerate(_VOC.split())]
    return ClassList("Pascal VOC's classes", tuple(entries), assumed=True)


@cache
def camvid() -> ClassList:
    """Return the classes of CamVid."""
    rows = [row.split() for row in _CAMVID.split(",")]
    entries = [Entry(name, value, int(color, 16)) for value, (name, color) in enumerate(rows)]
    return ClassList("CamVid's label_colors.txt", tuple(entries), assumed=True)


@cache
def voc_color(value: int) -> int:
    """Return the colour of a value as 0xRRGGBB: its bits, three at a time, from the highest bit down."""
    channels = [0, 0, 0]
    for shift in range(8):
        for channel in range(3):
            channels[channel] |= (value >> (3 * shift + channel) & 1) << (7 - shift)
    return channels[0] << 16 | channels[1] << 8 | channels[2]
