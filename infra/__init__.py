"""The cloud side: Bicep files, what they are told by the code, and the check that holds both together."""
