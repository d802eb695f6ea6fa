"""The settings of evenkeel, in both shapes."""
