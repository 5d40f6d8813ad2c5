"""The two label tables: kinds of target (classification) and semantic classes (segmentation)."""

TARGET_KINDS = ("bolt", "die", "gear", "key", "mug", "nut", "pawn", "spool")

ROOM_CLASSES = (
    "wall",
    "floor",
    "ceiling",
    "window",
    "table",
    "shelf",
    "chair",
    "rug",
    "picture",
    "lamp",
    "plant",
)

CLUTTER_KINDS = (
    "ball",
    "block",
    "book",
    "bottle",
    "bowl",
    "candle",
    "carton",
    "fruit",
    "pencil",
    "vase",
)

# Value 0 of a semantic map marks pixels that belong to no surface; a closed room has none.
SEMANTIC_CLASSES = ("unlabelled", *ROOM_CLASSES, *CLUTTER_KINDS, *TARGET_KINDS)

SEMANTIC_ID = {name: value for value, name in enumerate(SEMANTIC_CLASSES)}
