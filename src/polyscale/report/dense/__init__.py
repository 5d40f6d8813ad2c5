"""What a report has of segmentation and depth besides its rows: sizes, classes, pictures."""
