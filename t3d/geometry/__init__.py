"""Pure geometry: arrays in, arrays out. Frames and signs are those of docs/conventions.md."""
