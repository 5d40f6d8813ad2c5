"""Generator of the embedded benchmark `needles`: balanced questions about the scenes of `rooms`."""
