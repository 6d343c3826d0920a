"""Stages of a set that is split: items, a model of the training part, answers and scores of the test part."""
