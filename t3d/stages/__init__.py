"""The stages: one file each, named after what it makes."""
