"""What is trained on frozen features, and how."""
