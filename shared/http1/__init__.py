"""HTTP/1.1 to the few services that the app speaks to: small to load, cheap to use, and exact about what may have been sent."""
