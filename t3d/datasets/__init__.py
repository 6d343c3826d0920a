"""Files on disk: data set layouts, splits, formats, and the procedural set."""
