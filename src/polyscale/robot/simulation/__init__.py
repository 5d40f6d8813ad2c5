"""The simulated scene of a robot that picks up a cube, and an expert that is told where it is."""
