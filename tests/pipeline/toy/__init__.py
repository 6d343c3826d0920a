"""Three stages that know nothing of 3D: words of a text, their lengths, the total of a set."""
