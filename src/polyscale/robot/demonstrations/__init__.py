"""Demonstrations of a robot: recorded in simulation, or read from a data set of LeRobot."""
