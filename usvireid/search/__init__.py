"""Who else is this? An index of tracklets that can be searched by itself, across the modalities."""
