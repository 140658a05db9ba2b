"""Change notifications: who subscribed, what is due to whom, and the courier that brings it over HTTP.

https://learn.microsoft.com/graph/change-notifications-delivery-webhooks; facts section 9.
"""
