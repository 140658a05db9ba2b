"""A local Azure Functions host: Microsoft's own Python runtime library, driven in-process, behind local triggers."""
