"""The local stand-in for the platform that several tenants sign in to: tokens for an app registration that a managed identity vouches for."""
