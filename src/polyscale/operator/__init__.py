"""The operator S²: any backbone over several scales, where tiles lie, and what it costs."""
