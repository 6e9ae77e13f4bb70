"""Footage to crops: recordings of fixed cameras, decoded, searched for people, followed and cut out."""
