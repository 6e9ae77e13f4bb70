"""Several runs side by side: their scores with spread, the settings that differ, and tables for a paper."""
