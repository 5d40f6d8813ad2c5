"""What the recipes of segmentation and depth choose alike."""

HELD_OUT = 0.02
"""Share of the training images; the paper holds none out."""

DENSE_CHOSEN = (
    "the backbone runs anew on every altered picture of every step; its weights never change",
    f"{HELD_OUT:.0%} of the training images are held out: they choose among a model's scale sets "
    "where a verdict needs one, and heads don't learn from them",
    "each head is trained once, with the seed of the run",
    "resampling: bicubic, antialiased where it shrinks",
    "dtype fp32; test maps are kept in float16",
)

UNTILED_BASELINE = (
    "tiles: the single scale is one pass over 512 px, S² has tiles of 256 px: the paper's costs "
    "follow from these; position embeddings are resampled to each bicubically (by transformers "
    "without antialiasing, by open_clip with it)",
    "source native: scales are resized from the square that is seen, which has 512 px in training "
    "and most often at test; from the picture at 256 px S² would see less than the single scale",
)

SAME_GRID = (
    "grid 32×32 for every candidate, that of base's single scale: heads see as many cells, and "
    "maps of 36×36 (patches of 14 px) are pooled to it; the paper does not say which grid S² has"
)

OWN_GRID = (
    "source base: larger scales are resized from the picture at the size of the tile, so that no "
    "new pixel enters; grid: that of one tile, as the paper pools to the base grid"
)
