"""The services beside Graph and Exchange: SharePoint's own REST, its admin endpoint, Teams' ConfigAPI, Fabric.

To add an endpoint: a function `(Asked) -> Reply` in the service's file, listed in its ENDPOINTS; a new service goes into door.SERVICES.
"""
