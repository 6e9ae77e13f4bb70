"""The searches that each protocol makes: who asks, who answers in each trial, and how answers are counted."""
