"""Requests to Microsoft Graph by their documented paths, for resources whose SDK builders would only add imports."""

import json

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.graph_service_client import GraphServiceClient

from shared.nouns.json_text import Json
from shared.tenant.graph import Build


def request(method: Method, template: str, body: Json = None, /, **values: str) -> Build:
    """The request to the path, e.g. `/drives/{drive}/items/{item}`; each value is encoded, so that it stays one segment."""

    def build(_: GraphServiceClient) -> RequestInformation:
        information = RequestInformation(method, "{+baseurl}" + template, {**values})
        information.headers.try_add("Accept", "application/json")
        if body is not None:
            information.set_stream_content(json.dumps(body).encode(), "application/json")
        return information

    return build
