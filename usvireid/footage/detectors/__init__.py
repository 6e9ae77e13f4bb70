"""What finds people in a frame."""
