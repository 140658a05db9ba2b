"""The deployment, rendered here and held against Microsoft's type definitions and against our own code. No Azure is needed.

`python -m infra.check infra/main.bicepparam [parameter=value ...]` prints every fault and ends with 1 if there is one.

It knows the part of Bicep that our files use and refuses the rest by name and line: a check that skips what it does not
know would find nothing. Microsoft's own compiler (`az bicep build`, in the workflow) has the last word.
"""
